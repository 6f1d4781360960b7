"""Where everything lies below an output folder.

::

    OUT/<table>/run=<id>/part-*.parquet   published rows
    OUT/failures/run=<id>/part-*.parquet  published failures
    OUT/_commits/<n>.json                 numbered, put if absent: the truth
    OUT/_runs/<id>.json                   manifests
    OUT/_keys/<from>-<to>-<hash>.<kind>          sorted digests of the rows of commits from..to
    OUT/_duplicates/<n>.json              what was found after commit n: files, counts, keep-list
    OUT/_filters/<n>.json                 what was judged after commit n: rules, counts, keep-list
    OUT/_superseded/<n>-<hash>.keys       sorted keys of the rows that were judged again by commit n
    OUT/_keep/<n>-<hash>.keep             sorted digests of the assets to keep after commit n
    OUT/_forgotten/<n>-<hash>.ids         sorted digests of the assets that commit n has forgotten
    OUT/_watch/<id>.json                  figures of a run's rows, for the runs to come
    OUT/_thumbnails/<id>.parquet          small pictures of a sample, for the page
    OUT/_staging/<id>/...                 a run in flight
    OUT/_lock/...                         the courtesy lock
"""

import hashlib

COMMITS = "_commits"
RUNS = "_runs"
KEYS = "_keys"
THUMBNAILS = "_thumbnails"
STAGING = "_staging"
DUPLICATES = "_duplicates"
FILTERS = "_filters"
SUPERSEDED = "_superseded"
KEEP = "_keep"
FORGOTTEN = "_forgotten"
WATCH = "_watch"
LOCK = "_lock"
FAILURES = "failures"
SCORES = "scores"


def commit_path(number: int) -> str:
    """The commit record of a number."""
    return f"{COMMITS}/{number:08d}.json"


def manifest_path(run_id: str) -> str:
    """The manifest of a run."""
    return f"{RUNS}/{run_id}.json"


def keys_path(first: int, last: int, kind: str, content: bytes) -> str:
    """The digests of one kind of the commits ``first`` to ``last``.

    The name holds a hash of the content, so that a copy kept elsewhere can be trusted by name.
    """
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return f"{KEYS}/{first:08d}-{last:08d}-{digest}.{kind}"


def duplicates_path(number: int) -> str:
    """What was found to be alike after the commit of a number."""
    return f"{DUPLICATES}/{number:08d}.json"


def keep_path(number: int, content: bytes) -> str:
    """The assets to keep after a commit; the name holds a hash of the content."""
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return f"{KEEP}/{number:08d}-{digest}.keep"


def filter_path(number: int) -> str:
    """What a filter judged up to the commit of a number."""
    return f"{FILTERS}/{number:08d}.json"


def superseded_path(number: int, content: bytes) -> str:
    """The keys of verdicts that newer ones replaced; the name holds a hash of the content."""
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return f"{SUPERSEDED}/{number:08d}-{digest}.keys"


def forgotten_path(number: int, content: bytes) -> str:
    """The assets that a commit has forgotten; the name holds a hash of the content."""
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return f"{FORGOTTEN}/{number:08d}-{digest}.ids"


def thumbnails_path(run_id: str) -> str:
    """The thumbnails of a run."""
    return f"{THUMBNAILS}/{run_id}.parquet"


def staging_folder(run_id: str) -> str:
    """Everything of a run in flight."""
    return f"{STAGING}/{run_id}"


def run_path(run_id: str) -> str:
    """What a run in flight is to do."""
    return f"{staging_folder(run_id)}/run.json"


def stop_path(run_id: str) -> str:
    """The object that tells a run's workers to stop."""
    return f"{staging_folder(run_id)}/stop.json"


def plan_path(run_id: str) -> str:
    """How many rows a run's catalog has, once that is known."""
    return f"{staging_folder(run_id)}/plan.json"


def loads_folder(run_id: str) -> str:
    """What workers say of the models that they loaded."""
    return f"{staging_folder(run_id)}/loads"


def splits_folder(run_id: str) -> str:
    """What is staged of all splits."""
    return f"{staging_folder(run_id)}/splits"


def listing_folder(run_id: str) -> str:
    """The listing of a folder of pictures."""
    return f"{staging_folder(run_id)}/listing"


def evaluation_path(run_id: str, name: str) -> str:
    """What an evaluation keeps between its steps."""
    return f"{staging_folder(run_id)}/evaluation/{name}"


def split_folder(run_id: str, split_id: str) -> str:
    """What is staged of one split."""
    return f"{splits_folder(run_id)}/{split_id}"


def published_path(table: str, run_id: str, name: str) -> str:
    """A published part file."""
    return f"{table}/run={run_id}/part-{name}.parquet"
