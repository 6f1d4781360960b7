"""What a runner's log says that makes going on pointless, as a sentence."""

import re

from runners.worker import NO_BEAM, PACKAGES_TO_INSTALL

_INSTALL = (
    "Install this version on each machine, or name a container that holds it with --worker-image."
)
_OURS = "calumma|schemas|storage|models|transforms|pipelines|apache_beam"

# What is found in a line, and the sentence that it makes; the first that is found counts.
_SIGNS = (
    # Said by Calumma's own code on a worker that cannot serve; the text is the sentence.
    (r"schemas\.errors\.WorkerError: (.*?)\s*(?: \[while running .*)?$", "{}"),
    (
        rf"ModuleNotFoundError: No module named '((?:{_OURS})(?:\.[\w.]+)?)'",
        f"A worker's Python has no Calumma, or another one (no module '{{}}'). {_INSTALL}",
    ),
    (
        r'Cannot run program "[^"]*docker',
        (
            "A worker found no docker to start --worker-image with. Install it there, or leave "
            "--worker-image out where Calumma is installed on each machine."
        ),
    ),
    (
        # By its path: programs of the system Spark and Hadoop try by name, and can do without.
        r'Cannot run program "([^"]*/[^"]+)"',
        (
            "A worker could not start {}. Install Calumma at the same place on each machine, or "
            "name the program with --worker-command."
        ),
    ),
    (
        rf"Process died with exit code {NO_BEAM}\b",
        f"A worker's Python lacks what Calumma needs. {_INSTALL}",
    ),
    (
        rf"Process died with exit code {PACKAGES_TO_INSTALL}\b",
        (
            "calumma-worker installs no packages. Install them on each machine, or name a "
            "container that holds them with --worker-image."
        ),
    ),
    (
        # Not by a signal, as where memory ran out: then another try may succeed.
        r"Process died with exit code (\d\d?|1[01]\d|12[0-7])\b",
        (
            "A worker ended with exit code {} as soon as it was started. Run its program "
            "(calumma-worker, or that of --worker-command) on each machine to see why."
        ),
    ),
    (
        r"Received exit code \d+ for command 'docker [^']*'\. stderr: (.*?)(?:Run 'docker .*)?$",
        "A worker could not start a container of --worker-image: {}",
    ),
    (
        r"org\.apache\.beam\.vendor\.grpc\S*ConnectException: .* (\S+:\d+)$",
        (
            "No worker pool answers at {}. Start one on each machine with: python -m "
            "apache_beam.runners.worker.worker_pool_main --service_port PORT."
        ),
    ),
    (
        "All masters are unresponsive",
        (
            "The Spark master takes no job. Check its address, and that its version of Spark is "
            "that of the job server."
        ),
    ),
    (
        "TimeoutException: Waited 3 minutes",
        (
            "A worker took up no work for 3 minutes, as one does whose Python has no Calumma, or "
            f"another one. {_INSTALL}"
        ),
    ),
)
_NOTICES = (
    (
        "Initial job has not accepted any resources",
        (
            "Spark has no room for the job: its page shows whether workers are there, and whether "
            "they have the cores and the memory that are asked for."
        ),
    ),
)
_COMPILED = [(re.compile(pattern), sentence) for pattern, sentence in _SIGNS]


def worker_error(line: str) -> str | None:
    """A sentence on what a line of the log tells of a worker, or of the cluster, or None."""
    for pattern, sentence in _COMPILED:
        if found := pattern.search(line):
            return sentence.format(*found.groups())
    return None


def worker_notice(line: str) -> str | None:
    """A sentence on what a line of the log tells that may pass by itself, or None."""
    return next((sentence for sign, sentence in _NOTICES if sign in line), None)
