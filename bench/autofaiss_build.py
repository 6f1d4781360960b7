"""One index built by autofaiss, in its own environment: ``FOLDER INDEX MEMORY`` and no more.

For :mod:`bench.index_speed`, which says what it prints. ``FOLDER`` holds vectors in ``.npy`` files.
"""

import json
import logging
import sys
import time

from bench.measuring import PeakMemory

_AVAILABLE = "16G"


def main(folder: str, index: str, memory: str) -> None:
    """Build with all defaults but the memory; print what it took and what was chosen."""
    with PeakMemory() as peak:
        started = time.perf_counter()
        from autofaiss import build_index

        _, told = build_index(
            folder,
            index_path=index,
            index_infos_path=f"{index}.json",
            max_index_memory_usage=memory,
            current_memory_available=_AVAILABLE,
            metric_type="ip",
            verbose=logging.ERROR,
        )
        seconds = time.perf_counter() - started
    kind = {"factory": told["index_key"], "settings": told["index_param"]}
    print(json.dumps({"seconds": seconds, "mebibytes": peak.mebibytes, **kind}))


if __name__ == "__main__":
    main(*sys.argv[1:])
