"""What a worker's log says that makes going on pointless, as a sentence."""

import re

# Said by Calumma's own code on a worker that cannot serve; the text is the sentence.
_OUR_ERROR = re.compile(r"schemas\.errors\.WorkerError: (.*?)(?: \[while running .*)?$")
_OUR_PACKAGES = "calumma|schemas|storage|models|transforms|pipelines|apache_beam"
_NO_MODULE = re.compile(rf"ModuleNotFoundError: No module named '((?:{_OUR_PACKAGES})[\w.]*)'")
_NO_PROGRAM = re.compile(r'Cannot run program "([^"]+)"(?: \(in directory [^)]*\))?: (.*)$')


def worker_error(line: str) -> str | None:
    """A sentence on what a line of a runner's log tells of a worker that cannot serve, or None."""
    if found := _OUR_ERROR.search(line):
        return found[1].strip()
    if found := _NO_MODULE.search(line):
        return (
            f"A worker's Python has no Calumma, or another one (no module {found[1]!r}). Install "
            "this version on each machine, or name a container that holds it with --worker-image."
        )
    if (found := _NO_PROGRAM.search(line)) and "docker" in found[1]:
        return (
            "A worker found no docker to start --worker-image with. Install it there, or leave "
            "--worker-image out where Calumma is installed on each machine."
        )
    if found:
        return (
            f"A worker could not start {found[1]}. Install Calumma at the same place on each "
            "machine, or name the program with --worker-command."
        )
    return None
