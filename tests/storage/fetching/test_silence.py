"""Hosts that do not answer, by a clock that the tests move."""

import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching import silence
from storage.fetching.silence import SilentHosts
from storage.fetching.transient import TransientError
from tests.messages import check_message


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fails() -> bytes:
    raise TransientError(FailureKind.STORAGE_ERROR, "The connection broke.")


def fails_with_an_answer() -> bytes:
    raise TransientError(FailureKind.STORAGE_ERROR, "It answered HTTP 503.", answered=True)


def silent(clock: Clock, uri: str = "http://host/a.png") -> SilentHosts:
    """A host that failed ten times over more than twenty seconds."""
    hosts = SilentHosts(clock)
    for _ in range(10):
        with pytest.raises(TransientError):
            hosts.ask(uri, fails)
        clock.now += 2.5
    return hosts


def test_a_silent_host_is_asked_once_a_minute() -> None:
    clock = Clock()
    hosts = silent(clock)
    for _ in range(3):
        for _ in range(100):
            with pytest.raises(RowError) as caught:
                hosts.ask("http://host/c.png?key=secret", fails)
            assert caught.value.kind.retryable
            check_message(caught.value)
            assert "http://host gave no answer" in caught.value.message
            assert "secret" not in caught.value.message
        clock.now += 60
        with pytest.raises(TransientError):
            hosts.ask("http://host/b.png", fails)


def test_other_hosts_are_not_concerned() -> None:
    clock = Clock()
    hosts = silent(clock)
    for uri in ("http://HOST/a.png", "http://me:word@host/a.png"):
        with pytest.raises(RowError):
            hosts.ask(uri, fails)
    for uri in ("http://host:81/a", "https://host/a", "http://other/a", "s3://host/a"):
        assert hosts.ask(uri, lambda: b"picture") == b"picture"


def not_there() -> bytes:
    raise RowError(FailureKind.NOT_FOUND, "There is none.")


@pytest.mark.parametrize("answer", [lambda: b"picture", not_there, fails_with_an_answer])
def test_any_answer_ends_the_silence(answer: Callable[[], bytes]) -> None:
    clock = Clock()
    hosts = silent(clock)
    clock.now += 60
    with suppress(RowError, TransientError):
        hosts.ask("http://host/a.png", answer)
    for _ in range(9):
        with pytest.raises(TransientError):
            hosts.ask("http://host/a.png", fails)
        clock.now += 60


def test_a_moment_of_many_failures_is_no_silence() -> None:
    clock = Clock()
    hosts = SilentHosts(clock)
    for _ in range(500):
        with pytest.raises(TransientError):
            hosts.ask("http://host/a.png", fails)
        clock.now += 19 / 500


@pytest.mark.parametrize("seconds", [0.01, 1.0, 30.0])
def test_a_host_that_fails_a_fifth_of_all_requests_loses_none(seconds: float) -> None:
    clock, chance = Clock(), random.Random(0)
    hosts = SilentHosts(clock)
    for _ in range(100_000):
        clock.now += seconds
        with suppress(TransientError):
            hosts.ask("http://host/a.png", fails if chance.random() < 0.2 else lambda: b"")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "_MOST_HOSTS", 50)
    hosts = SilentHosts()
    for number in range(200):
        with pytest.raises(TransientError):
            hosts.ask(f"http://host{number}/a.png", fails)
    assert len(hosts._silences) == 50
