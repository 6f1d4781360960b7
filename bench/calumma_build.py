"""One index built by the index job in this process: ``EMBEDDINGS INDEX MEMORY RECALL``.

For :mod:`bench.index_speed` and :mod:`bench.index_memory`.
"""

import json
import sys
import time

from bench.measuring import PeakMemory


def main(embeddings: str, index: str, memory: str, recall: str) -> None:
    """Build as the command does; print what it took and what was chosen."""
    with PeakMemory() as peak:
        started = time.perf_counter()
        from pipelines.cli import run
        from storage.index_store import open_record
        from storage.store import open_store

        arguments = ["index", embeddings, index, "--memory", memory, "--recall", recall]
        if run(arguments):
            sys.exit(1)
        seconds = time.perf_counter() - started
    card = open_record(open_store(index)).version.card
    assert card is not None
    kind = {"factory": card.factory, "settings": str(card.settings), "recall": card.recall[10]}
    print(json.dumps({"seconds": seconds, "mebibytes": peak.mebibytes, **kind}))


if __name__ == "__main__":
    main(*sys.argv[1:])
