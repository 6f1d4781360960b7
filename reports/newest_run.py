"""What an output is about: what its newest run was."""

from storage.latest import read_manifests
from storage.store import open_store
from storage.uris import absolute_uri


def is_newest(out: str, records: str, job: str) -> bool:
    """Whether the newest run of an output is of a job that leaves records.

    Args:
        records: the folder of the job's records in the output; without any, no manifest is read.
        job: its name.

    """
    store = open_store(absolute_uri(out))
    if next(iter(store.entries(records)), None) is None:
        return False
    return max(read_manifests(store), key=lambda run: run.run_id).job == job
