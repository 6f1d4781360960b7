"""Policies on workers."""

import socket

import pytest

from models.image_policy import PolicySettings
from schemas.errors import WorkerError
from transforms.score_drawn import guard_here


def test_a_policy_that_a_worker_does_not_have_ends_the_run() -> None:
    with pytest.raises(WorkerError, match=f"On the worker {socket.gethostname()}: The policy"):
        guard_here(PolicySettings(judge="no_such_module_here:Judge"))
    assert guard_here(PolicySettings()) is None
