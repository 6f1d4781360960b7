"""What the jobs are called: their commands, and their templates."""

from typing import Literal, get_args

JobName = Literal[
    "caption",
    "answer",
    "embed",
    "index",
    "neighbors",
    "duplicates",
    "tokenize",
    "reconstruct",
    "structure",
    "filter",
    "generate",
    "edit",
    "assemble",
    "evaluate",
]
JOBS: tuple[JobName, ...] = get_args(JobName)
