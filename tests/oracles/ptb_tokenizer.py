"""The tokenizer that pycocoevalcap runs in Java, over many lines at once."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pycocoevalcap.tokenizer.ptbtokenizer as original

JAVA = shutil.which("java")


def java_tokens(lines: Sequence[str], folder: Path) -> list[str]:
    """Tokenize lines as pycocoevalcap does, each as if the next one began with a capital letter.

    It writes captions to a file, a line each. Of an abbreviation at a line's end the tokenizer
    looks at the next line, so one that says "A" is put behind each.
    """
    assert JAVA is not None
    file = folder / "captions.txt"
    file.write_bytes("".join(f"{line}\nA\n" for line in lines).encode())
    jar = Path(original.__file__).parent / original.STANFORD_CORENLP_3_4_1_JAR
    # Its file is UTF-8, also where the machine's own encoding is another.
    command = [JAVA, "-Xmx256m", "-Dfile.encoding=UTF-8", "-cp", str(jar)]
    command += ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", str(file)]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        env={**os.environ, "JAVA_TOOL_OPTIONS": ""},
    )
    written = done.stdout.decode().split("\n")[: 2 * len(lines) : 2]
    return [
        " ".join(word for word in line.rstrip().split(" ") if word not in original.PUNCTUATIONS)
        for line in written
    ]
