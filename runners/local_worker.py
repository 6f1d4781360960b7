"""A worker process of the local runner: Beam's worker, for as long as the launcher is there.

``python -m runners.local_worker PORT TOKEN THREADS``, in the environment that Beam's runner gives.
The launcher listens at the port; the connection says that both are alive.
"""

import os
import socket
import sys
import threading

from runners.quiet_workers import quiet_thread_end, quiet_workers

DONE = b"."
"""Sent by a worker that the runner let go; one that says nothing has died."""


def main(port: int, token: str, threads: str) -> None:
    """Work until the runner lets go, or the launcher is gone."""
    # The launcher decides when to end: an interrupt of the terminal is for it alone.
    os.setpgrp()
    # Of a process that died Beam prints a traceback. The one that it knows only waits for the one
    # that works, whose connection tells how it ended.
    if child := os.fork():
        os.waitpid(child, 0)
        os._exit(0)
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    threading.excepthook = quiet_thread_end
    launcher = socket.create_connection(("localhost", port))
    launcher.sendall(token.encode())
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    # Takes seconds.
    from apache_beam.runners.worker import sdk_worker_main

    quiet_workers()
    sdk_worker_main.main([])
    launcher.sendall(DONE)


def _end_with(launcher: socket.socket) -> None:
    try:
        launcher.recv(1)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
