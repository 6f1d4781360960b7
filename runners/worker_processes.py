"""The local runner's worker processes, as their launcher sees them."""

import os
import secrets
import shlex
import socket
import sys
import threading

from runners.local_worker import DONE


class WorkerProcesses:
    """Starts listening for worker processes, each of which holds a connection while it lives.

    Beam starts them and waits for ever if one dies, so they are watched here; and they end when
    this process does, however it ends, for then the connections do.
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(8).encode()
        self._died = False
        self._listener = socket.create_server(("localhost", 0))
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._listen, name="worker processes", daemon=True).start()

    def command(self, workers: int) -> str:
        """The shell's command that starts one of so many workers."""
        # Workers that each took all cores would wait for one another.
        threads = max(1, (os.cpu_count() or 1) // workers)
        program = [sys.executable, "-P", "-m", "runners.local_worker"]
        port = self._listener.getsockname()[1]
        return shlex.join(["exec", *program, str(port), self._token.decode(), str(threads)])

    def trouble(self) -> str | None:
        """A sentence if a worker died."""
        if not self._died:
            return None
        return (
            "A worker process died; most often the machine was out of memory. Take fewer --workers "
            "or a smaller --batch-size."
        )

    def close(self) -> None:
        """End them all."""
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._connections.append(connection)
            threading.Thread(target=self._watch, args=(connection,), daemon=True).start()

    def _watch(self, connection: socket.socket) -> None:
        said = b""
        try:
            while heard := connection.recv(64):
                said += heard
        except OSError:  # it was killed, or we are closing
            pass
        # Whatever else connects here is no worker.
        if said.startswith(self._token) and not said.endswith(DONE):
            self._died = True
