"""How often the workers of a run loaded its model: a note in the staging for each time."""

import json
import os
import secrets
import socket
from collections import Counter
from dataclasses import dataclass

from storage.layout import loads_folder
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoads:
    """The loads of a run.

    Attributes:
        by_worker: number of loads by ``host:process id``.
        seconds: the time that they took, added up.

    """

    by_worker: dict[str, int]
    seconds: float


def note_load(store: Store, run_id: str, seconds: float) -> None:
    """Note that this process loaded the model."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    note = json.dumps({"worker": worker, "seconds": seconds})
    store.put(f"{loads_folder(run_id)}/{secrets.token_hex(8)}.json", note.encode())


def read_loads(store: Store, run_id: str) -> ModelLoads:
    """Read what the workers noted."""
    by_worker: Counter[str] = Counter()
    seconds = 0.0
    for entry in store.entries(loads_folder(run_id)):
        note = json.loads(store.get(entry.path))
        by_worker[note["worker"]] += 1
        seconds += note["seconds"]
    return ModelLoads(by_worker=dict(sorted(by_worker.items())), seconds=seconds)
