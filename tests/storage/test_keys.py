"""Row keys: equal only where identity, content version and fingerprint are."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.keys import fingerprint, question_identity, row_identity, row_keys

JOB = fingerprint({"prompt": "p"})
# Lone surrogates too: a file system may hold any name.
texts = st.text(st.characters(codec=None), max_size=8)


def key_of(identity: str, version: str = "", job: bytes = JOB) -> str:
    return row_keys([identity], [version], job).hex(0)


@settings(deadline=None)
@given(
    one=st.tuples(texts, texts, st.sampled_from([b"a" * 16, b"b" * 16])),
    other=st.tuples(texts, texts, st.sampled_from([b"a" * 16, b"b" * 16])),
)
def test_keys_are_equal_where_all_they_stand_for_is(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    assert (key_of(*one) == key_of(*other)) == (one == other)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=20))
def test_a_batch_gives_what_its_rows_give_alone(rows: list[tuple[str, str]]) -> None:
    keys = row_keys([identity for identity, _ in rows], [version for _, version in rows], JOB)
    assert keys.identity.shape == (len(rows), 2)
    assert keys.second.shape == (len(rows),)
    assert [keys.hex(index) for index in range(len(rows))] == [key_of(*row) for row in rows]
    for index in range(len(rows)):
        assert 0 <= keys.seed(index) < 1 << 63


def test_no_versions_are_empty_versions() -> None:
    without = row_keys(["a", "b"], None, JOB)
    assert [without.hex(0), without.hex(1)] == [key_of("a"), key_of("b")]


def test_versions_of_a_row_share_its_first_word_and_no_seed() -> None:
    keys = row_keys(["a", "a", "b"], ["1", "2", "1"], JOB)
    assert keys.hex(0)[:16] == keys.hex(1)[:16] != keys.hex(2)[:16]
    assert len({keys.hex(index) for index in range(3)}) == 3
    assert len({keys.seed(index) for index in range(3)}) == 3


def test_hexadecimal_keys_sort_as_their_words_do() -> None:
    keys = row_keys([str(number) for number in range(200)], None, JOB)
    by_text = sorted(range(200), key=keys.hex)
    by_words = sorted(range(200), key=lambda i: (keys.identity[i, 0], keys.second[i]))
    assert by_text == by_words


def test_keys_stay_what_they_were() -> None:
    """Published outputs hold these keys: a change would make every row of every output new."""
    assert key_of("asset", "version", b"\0" * 16) == expected_key("asset", "version", b"\0" * 16)
    assert key_of("é", "", b"\1" * 16) == expected_key("é", "", b"\1" * 16)


def expected_key(identity: str, version: str, job: bytes) -> str:
    digest = hashlib.sha256(identity.encode()).digest()
    combined = hashlib.sha256(job + version.encode()).digest()[:8]
    second = int.from_bytes(digest[8:16], "big") ^ int.from_bytes(combined, "big")
    return digest[:8].hex() + f"{second:016x}"


def test_a_fingerprint_knows_values_and_not_their_order() -> None:
    assert fingerprint({"a": 1, "b": [2, "é"]}) == fingerprint({"b": [2, "é"], "a": 1})
    different: list[dict[str, object]] = [
        {},
        {"a": 1},
        {"a": "1"},
        {"a": [1]},
        {"b": 1},
        {"a": 1, "b": None},
    ]
    assert len({fingerprint(settings) for settings in different}) == len(different)
    assert len(JOB) == 16


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1), st.integers(0, 10**9))
def test_identities_of_rows_and_questions_are_no_asset_s(
    asset_id: str, question_id: str, position: int
) -> None:
    identities = {
        asset_id,
        question_identity(asset_id, question_id),
        row_identity(asset_id, position),
        row_identity(asset_id, position + 1),
    }
    assert len(identities) == 4
