"""Runs a command for as long as its starter is there: ``supervise.py FOLDER COMMAND ...``.

Standard input is a pipe that the starter holds and never writes to. When the starter ends, however
it does, the pipe closes and the command is ended too. The folder is the command's own, and is
removed behind it; it may be empty, for none.
"""

import os
import shutil
import subprocess
import sys
import threading

_SECONDS_TO_END = 5.0


def main(folder: str, command: list[str]) -> int:
    """Run the command to its end, or to the end of standard input; give its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_input, args=(child,), daemon=True).start()
    code = child.wait()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    # As shells say it, where a signal ended the command.
    return code if code >= 0 else 128 - code


def _end_with_input(child: subprocess.Popen[bytes]) -> None:
    # Not by way of sys.stdin, whose lock this thread would hold when the interpreter ends.
    os.read(0, 1)
    child.terminate()
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
