"""The sample of thumbnails: uniform over all rows, of a bounded size, each picture once."""

import io
import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest import Counts
from storage import sample
from storage.parts import Part
from storage.sample import SAMPLE_FAILURES, SAMPLE_ROWS, stage_sample
from storage.store.local import LocalStore

WORD = 1 << 64


def part_of(
    store: LocalStore, number: int, rows: list[tuple[int, bool]], below: int = WORD
) -> Part:
    """A part that staged thumbnails of rows: (second word of the key, whether it failed)."""
    files = {"keys": "keys"}
    if rows:
        files["thumbnails"] = f"thumbnails-{number}"
        table = pa.table(
            {
                "key": [f"{number:016x}{second:016x}" for second, _ in rows],
                "jpeg": [b"%d" % second for second, _ in rows],
                "failed": [failed for _, failed in rows],
            }
        )
        sink = io.BytesIO()
        pq.write_table(table.replace_schema_metadata({"calumma.run_id": "r"}), sink)
        store.put(files["thumbnails"], sink.getvalue())
    return Part(
        split_id="s",
        first=number,
        last=number + 1,
        attempt="x",
        counts=Counts(),
        files=files,
        sample_below=below,
    )


def sampled(store: LocalStore, parts: list[Part]) -> list[tuple[int, bool]]:
    ((staged, destination),) = stage_sample(store, "run", parts, "token")
    assert destination == "_thumbnails/run.parquet"
    table = pq.read_table(io.BytesIO(store.get(staged)))
    assert table.column_names == ["key", "jpeg", "failed"]
    assert table.schema.metadata is None
    rows = [(int(row["key"][16:], 16), row["failed"]) for row in table.to_pylist()]
    assert [row["jpeg"] for row in table.to_pylist()] == [b"%d" % second for second, _ in rows]
    return rows


def test_parts_without_thumbnails_give_no_sample(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert stage_sample(store, "run", [part_of(store, 0, [])], "token") == []
    assert stage_sample(store, "run", [], "token") == []


def test_a_few_rows_are_all_in_the_sample(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = [part_of(store, 0, [(5, False), (WORD - 1, True)]), part_of(store, 1, [(3, False)])]
    assert sampled(store, parts) == [(3, False), (5, False), (WORD - 1, True)]


def test_only_rows_below_every_part_s_bound_are_taken_and_failures_in_any_case(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    parts = [
        part_of(store, 0, [(10, False), (90, False), (95, True)]),
        part_of(store, 1, [(20, False), (49, False)], below=50),
        part_of(store, 2, [], below=40),
    ]
    assert sampled(store, parts) == [(10, False), (20, False), (95, True)]


def test_a_part_that_skipped_all_its_rows_sets_no_bound(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    skipped = Part(
        split_id="s", first=1, last=2, attempt="x", counts=Counts(), files={}, sample_below=1
    )
    assert sampled(store, [part_of(store, 0, [(10, False)]), skipped]) == [(10, False)]


def test_a_doubled_id_has_the_picture_of_its_first_row(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    part = part_of(store, 0, [(5, False)])
    other = part_of(store, 1, [(5, False)])
    twin = pq.read_table(io.BytesIO(store.get(other.files["thumbnails"])))
    keys = pa.array([f"{0:016x}{5:016x}"])
    sink = io.BytesIO()
    pq.write_table(twin.set_column(0, "key", keys).set_column(1, "jpeg", [[b"twin"]]), sink)
    store.put(other.files["thumbnails"], sink.getvalue())
    assert sampled(store, [part, other]) == [(5, False)]


@settings(deadline=None, max_examples=40)
@given(
    parts=st.lists(
        st.lists(st.tuples(st.integers(0, WORD - 1), st.booleans()), max_size=30), max_size=8
    ),
)
def test_thinning_on_the_way_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[tuple[int, bool]]]
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("out"))
    distinct = [list(dict(rows).items()) for rows in parts]
    made = [part_of(store, number, rows) for number, rows in enumerate(distinct)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "SAMPLE_ROWS", 10)
        patch.setattr(sample, "SAMPLE_FAILURES", 5)
        every = sorted(row for rows in distinct for row in rows)
        if not every:
            assert stage_sample(store, "run", made, "token") == []
            return
        rows = [row for row in every if not row[1]][:10]
        failures = [row for row in every if row[1]][:5]
        assert sampled(store, made) == rows + failures


def test_the_sample_is_uniform_though_workers_thin_as_they_go(tmp_path: Path) -> None:
    """Ten times: 12,000 rows in parts of 500, each part's bound as a worker would set it."""
    generator = random.Random(11)
    counts: Counter[int] = Counter()
    rounds, parts, rows_of_part = 10, 24, 500
    for number in range(rounds):
        store = LocalStore(tmp_path / str(number))
        made = []
        owners: dict[int, int] = {}
        for part in range(parts):
            passed = part * rows_of_part
            below = WORD if passed <= SAMPLE_ROWS else WORD * SAMPLE_ROWS // passed
            seconds = [generator.randrange(WORD) for _ in range(rows_of_part)]
            kept = [(second, second % 100 == 0) for second in seconds]
            made.append(
                part_of(store, part, [row for row in kept if row[1] or row[0] < below], below)
            )
            owners |= dict.fromkeys(seconds, part)
        found = sampled(store, made)
        taken = [second for second, failed in found if not failed]
        assert 800 <= len(taken) <= SAMPLE_ROWS
        assert len(found) - len(taken) <= SAMPLE_FAILURES
        counts.update(owners[second] for second in taken)
    expected = sum(counts.values()) / parts
    chi_square = sum((counts[part] - expected) ** 2 / expected for part in range(parts))
    # 23 degrees of freedom: a uniform sample exceeds 49.7 once in a thousand seeds.
    assert chi_square < 49.7
