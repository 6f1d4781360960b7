"""A web server, and fetchers that are closed afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy
from tests.messages import check_message
from tests.servers.web import Web, web_server

MakeFetcher = Callable[..., Fetcher]


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


@pytest.fixture
def fetcher() -> Iterator[MakeFetcher]:
    """Makes fetchers; keyword arguments change the policy."""
    with ExitStack() as stack:

        def make(**changes: object) -> Fetcher:
            settings: dict[str, object] = {
                "allowed_schemes": ("file", "http", "https", "s3", "gs"),
                "allow_private_addresses": True,
                "max_bytes": 1000,
                "max_seconds": 20.0,
                "attempts": 3,
            }
            policy = FetchPolicy(**(settings | changes))  # type: ignore[arg-type]
            return stack.enter_context(closing(Fetcher(policy)))

        yield make


def error_of(fetcher: Fetcher, uri: str) -> RowError:
    """What a uri fails as; each message must say in words what to do."""
    with pytest.raises(RowError) as caught:
        fetcher.fetch(uri)
    check_message(caught.value)
    return caught.value


def kind_of(fetcher: Fetcher, uri: str) -> FailureKind:
    return error_of(fetcher, uri).kind
