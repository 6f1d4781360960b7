"""The command ``calumma``: what happens before and after a command runs."""

import logging
import os
import signal
import sys
import threading
from types import FrameType


def main() -> None:
    """Run the command line and end the process."""
    # Imports take a second, a job's many: Ctrl-C must not print where they were.
    signal.signal(signal.SIGINT, _end)
    from pipelines.cli import run
    from runners.quiet_workers import quiet_thread_end

    # Beam logs whole tracebacks of what we say in a sentence.
    logging.getLogger().setLevel(logging.CRITICAL)
    threading.excepthook = quiet_thread_end
    code = run(sys.argv[1:])
    sys.stdout.flush()
    # Worker threads of Beam and of the loaders may still be there: nothing is left for them to do.
    os._exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    os.write(2, b"\ncalumma: ended early.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
