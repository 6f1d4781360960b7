"""Training documents by the command line, against the checkpoint's own tokenizer."""

import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from transformers import AutoProcessor

from models.source import EMBEDDED_FOLDER
from pipelines.cli import run
from storage.documents import document_groups, find_documents
from storage.sequences import read_sequences
from storage.store.local import LocalStore
from tests.end_to_end.conftest import RunJson, read_table, write_parquet
from tests.end_to_end.test_every_runner import CALUMMA
from tests.oracles import cm3
from tests.storage.committed_rows import commit_rows, image_tokens, neighbors

_PICTURES = 300
_TEXTS = ("a red triangle", "a small blue circle in the top left of the image.", "a teal rectangle")
_TASK = """
task = "told"
[[layouts]]
text = "{image}describe briefly<sep>{text}"
learn = ["text"]
prompt_weight = 0.25
mask = "fields"
"""


def text_of(number: int) -> str:
    return _TEXTS[number % 3]


def codes_of(number: int) -> list[int]:
    return Random(number).choices(range(512), k=64)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog, its pictures as codes, and neighbours by picture and by text."""
    folder = tmp_path_factory.mktemp("made")
    names = [f"p{number:03d}" for number in range(_PICTURES)]
    write_parquet(
        folder / "catalog.parquet",
        {
            "id": names,
            "uri": [f"/pictures/{name}.png" for name in names],
            "text": [text_of(number) for number in range(_PICTURES)],
            "license": ["CC0"] * _PICTURES,
        },
    )
    pictures = [
        image_tokens(name, codes_of(number), text=text_of(number), height=8, width=8)
        for number, name in enumerate(names)
    ]
    commit_rows(LocalStore(folder / "tokens"), pictures)
    foreign = [replace(pictures[0], tokenizer_hash="sha256:other")]
    commit_rows(LocalStore(folder / "foreign"), foreign)
    for modality, step in (("image", 1), ("text", 7)):
        found = [
            neighbors(
                name,
                [names[(number + step * hop) % _PICTURES] for hop in (1, 2)],
                modality,
            )
            for number, name in enumerate(names)
        ]
        commit_rows(LocalStore(folder / "neighbors"), found, config={"of": modality})
    other = 'task = "two"\n[[layouts]]\ntext = "{text}{image@other}"\n'
    (folder / "other.toml").write_text(other)
    return folder


def assemble(made: Path, out: Path, run_json: RunJson, *options: object) -> list[dict[str, Any]]:
    catalog = made / "catalog.parquet"
    counts = run_json("assemble", catalog, out, "--codes", made / "tokens", *options)["counts"]
    assert counts["failed"] == 0
    return read_table(out, "documents")


class Oracle:
    """The checkpoint's own processor, which reads what a prompt is written of."""

    def __init__(self) -> None:
        self.tokenizer = AutoProcessor.from_pretrained(EMBEDDED_FOLDER).tokenizer  # type: ignore[no-untyped-call]
        vocabulary = self.tokenizer.get_vocab()
        self.masks = [vocabulary["<mask:0>"], vocabulary["<mask:1>"]]
        self.infill = vocabulary["<infill>"]
        self.first_code = vocabulary["IMGIMGAZ"]

    def read(self, prompt: str, *pictures: list[int]) -> list[int]:
        """Tokens of a text in which <image> stands for pictures."""
        ids = self.tokenizer(prompt)["input_ids"]
        waiting = iter(pictures)
        found: list[int] = []
        for token in ids:
            if token == self.tokenizer.image_token_id:
                found += [self.first_code + code for code in next(waiting)]
            else:
                found.append(token)
        return found

    def unmask(self, tokens: list[int]) -> list[int]:
        """A document as it was before spans were cut out; its end stays at its end."""
        end = tokens[-1]
        assert end == self.tokenizer.eos_token_id
        return [*cm3.unmask(tokens[:-1], self.masks, self.infill), end]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


_SHOWN = "<racm3:break><image><eoss>"
_PAIRS = {"pair/0": f"{{}}<sep>{_SHOWN}", "pair/1": f"{_SHOWN}{{}}"}


def test_documents_are_what_the_checkpoints_own_tokenizer_makes_of_them(
    made: Path, tmp_path: Path, run_json: RunJson, oracle: Oracle
) -> None:
    options = ("--neighbors", made / "neighbors", "--retrieved-weight", "0.1")
    rows = assemble(made, tmp_path / "out", run_json, *options)
    assert [row["asset_id"] for row in rows] == [f"p{number:03d}" for number in range(_PICTURES)]
    for row in rows:
        # The most alike is the last of them.
        numbers = [int(name[1:]) for name in (*row["retrieved_ids"], row["asset_id"])]
        layout = _PAIRS[row["template"]]
        prompt = "</s>".join(layout.format(text_of(number)) for number in numbers) + "</s>"
        expected = oracle.read(prompt, *map(codes_of, numbers))
        assert oracle.unmask(row["token_ids"]) == expected
        assert row["length"] == len(row["token_ids"]) == len(row["loss_weights"])
        check_segments(row, oracle)
    counts = Counter(len(row["retrieved_ids"]) for row in rows)
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > _PICTURES / 5
    assert {row["template"] for row in rows} == set(_PAIRS)
    # By picture and by text in turn.
    assert next(row["retrieved_ids"] for row in rows if len(row["retrieved_ids"]) == 2) in (
        [f"p{(number + 7) % _PICTURES:03d}", f"p{(number + 1) % _PICTURES:03d}"]
        for number in range(_PICTURES)
    )


def check_segments(row: dict[str, Any], oracle: Oracle) -> None:
    """Segments cover the document, say what each token is of, and account for its weight."""
    at = 0
    for segment in row["segments"]:
        assert segment["start"] == at < segment["end"]
        at = segment["end"]
        tokens = row["token_ids"][segment["start"] : at]
        weight = 0.1 if segment["retrieved"] else 1.0
        if segment["kind"] == "sentinel" or segment["start"] == 0:
            weight = 0.0
        weights = row["loss_weights"][segment["start"] : at]
        assert weights == pytest.approx([weight] * len(tokens))
        if segment["kind"] == "image":
            codes = codes_of(int(segment["asset_id"][1:]))
            first = segment["field_start"]
            expected = codes[first : first + len(tokens)]
            assert [token - oracle.first_code for token in tokens] == expected
            assert (segment["license"], segment["uri"]) == (
                "CC0",
                f"/pictures/{segment['asset_id']}.png",
            )
        elif segment["kind"] == "text":
            assert oracle.tokenizer(segment["text"])["input_ids"][1:] == tokens
            assert (segment["field"], segment["license"]) == ("text", "CC0")
    assert at == row["length"]


def test_sequences_hold_documents_side_by_side(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    rows = assemble(made, tmp_path / "out", run_json, "--neighbors", made / "neighbors")
    sequences: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        place = row["sequence_start"], row["sequence_start"] + row["length"]
        sequences.setdefault(row["sequence"], []).append(place)
    for places in sequences.values():
        ends = [0, *(end for _, end in sorted(places))]
        assert [start for start, _ in sorted(places)] == ends[:-1]
        assert ends[-1] <= 512
    assert sum(row["length"] for row in rows) / (512 * len(sequences)) > 0.85


def test_what_is_to_be_learnt_is_told_at_the_end(
    made: Path, tmp_path: Path, run_json: RunJson, oracle: Oracle
) -> None:
    template = tmp_path / "told.toml"
    template.write_text(_TASK)
    rows = assemble(made, tmp_path / "out", run_json, "--template", template, "--copies", 2.5)
    assert {row["copy_number"] for row in rows} == {0, 1, 2}
    assert 2.3 * _PICTURES < len(rows) < 2.7 * _PICTURES
    # Which rows have one more does not depend on where the codes lie.
    shutil.copytree(made / "tokens", tmp_path / "moved")
    moved = run_json(
        "assemble",
        made / "catalog.parquet",
        tmp_path / "again",
        *("--codes", tmp_path / "moved", "--template", template, "--copies", 2.5),
    )
    assert moved["counts"]["rows_out"] == len(rows)
    names = ("asset_id", "copy_number", "token_ids")
    assert sorted([row[name] for name in names] for row in rows) == sorted(
        [row[name] for name in names] for row in read_table(tmp_path / "again", "documents")
    )
    for row in rows[:50]:
        number = int(row["asset_id"][1:])
        prompt = f"{_SHOWN}describe briefly<sep><mask:0><infill><mask:0>{text_of(number)}</s>"
        assert row["token_ids"] == oracle.read(prompt, codes_of(number))
        told = len(oracle.tokenizer(text_of(number))["input_ids"])
        asked = row["length"] - told - 3
        assert row["loss_weights"] == [0.0] + [0.25] * (asked - 1) + [0.0] * 3 + [1.0] * told


def test_the_same_documents_with_another_seed_are_others_and_done_rows_are_left(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    first = assemble(made, tmp_path / "one", run_json)
    again = run_json(
        "assemble", made / "catalog.parquet", tmp_path / "one", "--codes", made / "tokens"
    )
    assert again["counts"]["skipped"] == _PICTURES
    other = assemble(made, tmp_path / "two", run_json, "--seed", 1)
    assert [row["token_ids"] for row in first] != [row["token_ids"] for row in other]


def test_codes_may_lie_in_several_outputs(made: Path, tmp_path: Path, run_json: RunJson) -> None:
    expected = assemble(made, tmp_path / "one", run_json, "--neighbors", made / "neighbors")
    halves = []
    for half in range(2):
        halves += ["--codes", str(tmp_path / f"half-{half}")]
        pictures = [
            image_tokens(
                f"p{number:03d}", codes_of(number), text=text_of(number), height=8, width=8
            )
            for number in range(half, _PICTURES, 2)
        ]
        # What comes again counts where it comes first.
        again = image_tokens("p000", codes_of(half), text="", height=8, width=8)
        commit_rows(
            LocalStore(tmp_path / f"half-{half}"), [*pictures, again][: _PICTURES // 2 + half]
        )
    options = [*halves, "--neighbors", made / "neighbors"]
    run_json("assemble", made / "catalog.parquet", tmp_path / "two", *options)
    found = read_table(tmp_path / "two", "documents")
    assert any(row["retrieved_ids"] for row in found)
    columns = ("asset_id", "token_ids", "retrieved_ids")
    assert [[row[name] for name in columns] for row in found] == [
        [row[name] for name in columns] for row in expected
    ]


def test_a_killed_run_goes_on_to_the_same_documents(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    rows = 2500
    catalog = write_parquet(
        tmp_path / "catalog.parquet",
        {
            "id": [f"row{number}" for number in range(rows)],
            "picture": [f"p{number % _PICTURES:03d}" for number in range(rows)],
            "text": [text_of(number) for number in range(rows)],
        },
    )
    template = tmp_path / "pair.toml"
    template.write_text('task = "pair"\n[[layouts]]\ntext = "{text}<sep>{image:picture}"\n')
    options = ["--codes", str(made / "tokens"), "--template", str(template), "--json"]

    def run_into(out: Path) -> list[str]:
        return [str(CALUMMA), "assemble", str(catalog), str(out), *options]

    assert run(run_into(tmp_path / "whole")[1:]) == 0
    out = tmp_path / "killed"
    with subprocess.Popen(run_into(out), stdout=subprocess.DEVNULL) as process:
        while not list(out.glob("_staging/*/splits/*/*.parquet")) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "documents").exists()
    assert run(run_into(out)[1:]) == 0
    assert read_table(out, "documents") == read_table(tmp_path / "whole", "documents")


def test_rows_that_make_no_document(made: Path, tmp_path: Path, run_json: RunJson) -> None:
    catalog = write_parquet(
        tmp_path / "catalog.parquet",
        {
            "id": ["p000", "p001", "elsewhere", "p003", "p001"],
            "text": ["", "a red circle", "a red circle", "a red circle " * 200, "a red circle"],
        },
    )
    out = tmp_path / "out"
    options = ("--codes", made / "tokens", "--max-failure-rate", 1)
    manifest = run_json("assemble", catalog, out, *options)
    assert manifest["counts"]["rows_out"] == 1
    failures = {row["asset_id"]: row for row in read_table(out, "failures")}
    assert {name: row["kind"] for name, row in failures.items()} == {
        "p000": "invalid_row",
        "p001": "duplicate_id",
        "elsewhere": "unknown_asset",
        "p003": "prompt_too_long",
    }
    assert {row["stage"] for row in failures.values()} == {"assemble", "commit"}
    assert failures["p001"]["question_id"] == "0"
    assert "column text is empty" in failures["p000"]["message"]
    assert "calumma tokenize" in failures["elsewhere"]["message"]
    assert "Nothing is cut off" in failures["p003"]["message"]
    # A text that was filled in is another version of its row.
    write_parquet(catalog, {"id": ["p000"], "text": ["a red circle"]})
    assert run_json("assemble", catalog, out, *options)["counts"]["rows_out"] == 1


def test_objects_that_no_parser_takes_fail_alone(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    box = '[{"name": "a red circle", "box": [0, 0, 5, %s]}]'
    large = "1" + "0" * 400
    objects = ["[" * 3000, box % ("9" * 5000), box % large, box % "1e999", box % "NaN", box % 9]
    names = [f"p{number:03d}" for number in range(len(objects))]
    rows: list[dict[str, Any]] = [
        {"id": name, "text": "a red circle", "objects": one}
        for name, one in zip(names, objects, strict=True)
    ]
    # A picture of a size that none has is one of no known size.
    rows[-1] |= {"width": int(large), "height": 1}
    catalog = tmp_path / "catalog.jsonl"
    catalog.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    out = tmp_path / "out"
    options = ("--codes", made / "tokens", "--template", "grounded", "--max-failure-rate", 1)
    manifest = run_json("assemble", catalog, out, *options)
    assert manifest["counts"]["rows_out"] == 1
    assert [row["asset_id"] for row in read_table(out, "documents")] == names[-1:]
    failures = {row["asset_id"]: row for row in read_table(out, "failures")}
    assert sorted(failures) == names[:-1]
    for row in failures.values():
        assert row["kind"] == "invalid_row"
        assert "must be a list of objects" in row["message"]


def test_retrieved_documents_leave_before_anything_is_cut(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    options = ("--neighbors", made / "neighbors", "--no-draw-count", "--context", 190)
    rows = assemble(made, tmp_path / "out", run_json, *options)
    left_out = Counter(
        (len(row["retrieved_ids"]), json.loads(row["choices"])["retrieved_left_out_for_length"])
        for row in rows
    )
    assert set(left_out) == {(1, 1)}
    assert max(row["length"] for row in rows) <= 190


def test_a_doubled_row_leaves_the_others_for_training(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    numbers = [*range(100), 3, 50, 97]
    catalog = write_parquet(
        tmp_path / "catalog.parquet",
        {
            "id": [f"p{number:03d}" for number in numbers],
            "text": [text_of(number) for number in numbers],
        },
    )
    manifest = run_json("assemble", catalog, tmp_path / "out", "--codes", made / "tokens")
    assert manifest["failures_by_kind"] == {"duplicate_id": 3}
    (group,) = document_groups(find_documents(str(tmp_path / "out")))
    read = read_sequences(group, vocabulary=575, longest=512)
    rows = read_table(tmp_path / "out", "documents")
    assert len(read) == len({row["sequence"] for row in rows})
    assert len(read.tokens) == sum(row["length"] for row in rows)


def test_nothing_is_retrieved_that_a_row_shows_or_that_is_not_kept(
    made: Path, tmp_path: Path, run_json: RunJson
) -> None:
    numbers = range(0, 200, 2)
    catalog = write_parquet(
        tmp_path / "edits.parquet",
        {
            "id": [f"edit{number}" for number in numbers],
            "image_before": [f"p{number:03d}" for number in numbers],
            # Its first neighbour.
            "image_after": [f"p{number + 1:03d}" for number in numbers],
            "instruction": ["make it red"] * len(numbers),
        },
    )
    options = ("--codes", made / "tokens", "--neighbors", made / "neighbors", "--no-draw-count")
    template = ("--template", "instruction_edit")
    run_json("assemble", catalog, tmp_path / "out", *options, *template)
    for row in read_table(tmp_path / "out", "documents"):
        number = int(row["asset_id"][4:])
        # The next ones of the picture before, by picture and by text.
        found = {(number + 7) % _PICTURES, (number + 2) % _PICTURES}
        assert {int(name[1:]) for name in row["retrieved_ids"]} <= found
        assert row["retrieved_ids"]
    write_parquet(
        tmp_path / "half.parquet",
        {"id": [f"p{number:03d}" for number in range(0, _PICTURES, 2)], "text": ["a"] * 150},
    )
    run_json("filter", tmp_path / "half.parquet", tmp_path / "kept", "--min-words", 1)
    rows = assemble(made, tmp_path / "halves", run_json, *options[2:], "--keep", tmp_path / "kept")
    shown = {int(name[1:]) for row in rows for name in (row["asset_id"], *row["retrieved_ids"])}
    assert shown == set(range(0, _PICTURES, 2))
    # Of pairs, both pictures must be kept.
    counts = run_json(
        *("assemble", catalog, tmp_path / "none", *options, *template),
        *("--keep", tmp_path / "kept"),
    )["counts"]
    assert (counts["rows_out"], counts["skipped"]) == (0, len(numbers))


def test_boxes_are_told_of_pictures_in_the_checkpoints_frame_alone(
    tmp_path: Path, run_json: RunJson
) -> None:
    pictures = [
        image_tokens(name, codes_of(0), framing=framing)
        for name, framing in (("a", "checkpoint"), ("b", "letterbox"))
    ]
    commit_rows(LocalStore(tmp_path / "tokens"), pictures)
    box = json.dumps([{"name": "a red circle", "box": [0, 0, 50, 100]}])
    catalog = write_parquet(
        tmp_path / "catalog.parquet",
        {"id": ["a", "b"], "text": ["a red circle"] * 2, "objects": [box] * 2},
    )
    options = ("--codes", tmp_path / "tokens", "--template", "grounded")
    manifest = run_json("assemble", catalog, tmp_path / "out", *options)
    assert manifest["failures_by_kind"] == {"invalid_row": 1}
    (failure,) = read_table(tmp_path / "out", "failures")
    assert failure["asset_id"] == "b"
    assert "rule letterbox" in failure["message"]


def test_a_folder_holds_one_way_to_write_a_catalog(
    made: Path, tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["assemble", str(made / "catalog.parquet"), str(tmp_path / "out")]
    command += ["--codes", str(made / "tokens"), "--limit", "5"]
    assert run([*command, "--json"]) == 0
    capsys.readouterr()
    assert run([*command, "--seed", "1"]) == 2
    assert "name another folder" in capsys.readouterr().err
    # Another template is another task.
    assert run([*command, "--template", "short_caption", "--json"]) == 0
    assert len(read_table(tmp_path / "out", "documents")) == 10


_REASONED = {
    "question": "what is it?",
    "context": "a picture",
    "options": "circle, triangle",
    "answer": "triangle",
    "explanation": "it has three corners",
    "ocr_text": "teal",
    "feature": "edge",
}
_SHOWN_AND_DRAWN = {
    "reasoning/0": (
        "<image>Question: what is it? Context: a picture Options: circle, triangle<sep>"
        "Answer: triangle."
    ),
    "reasoning/1": (
        "<image>Question: what is it? Context: a picture Options: circle, triangle<sep>Let's think "
        "step-by-step: it has three corners So the answer is triangle."
    ),
    "text_in_image/0": 'draw "teal"<sep><image>',
    "structure/0": "Make high quality image from edge features<image>a red triangle<sep><image>",
}


@pytest.mark.parametrize("template", ["reasoning", "text_in_image", "structure"])
def test_sets_of_the_paper_are_written_as_their_templates_say(
    template: str, made: Path, tmp_path: Path, run_json: RunJson, oracle: Oracle
) -> None:
    names = [f"p{number:03d}" for number in range(0, 30, 3)]
    columns = {name: [value] * len(names) for name, value in _REASONED.items()}
    text = ["a red triangle"] * len(names)
    catalog = write_parquet(tmp_path / "c.parquet", {"id": names, "text": text, **columns})
    drawn = [
        image_tokens(name, codes_of(int(name[1:]) + 1), text="", height=8, width=8)
        for name in names
    ]
    commit_rows(LocalStore(tmp_path / "edges"), drawn)
    run_json(
        *("assemble", catalog, tmp_path / "out", "--template", template),
        *("--codes", made / "tokens", "--codes", f"structure={tmp_path / 'edges'}"),
    )
    rows = read_table(tmp_path / "out", "documents")
    assert len(rows) == len(names)
    for row in rows:
        number = int(row["asset_id"][1:])
        prompt = _SHOWN_AND_DRAWN[row["template"]].replace("<image>", _SHOWN)
        pictures = [codes_of(number)]
        if template == "structure":
            pictures.insert(0, codes_of(number + 1))
        assert row["token_ids"] == oracle.read(f"{prompt}</s>", *pictures)
        # The prompt is not learnt, and an answer, or the picture to draw, is.
        assert row["loss_weights"][0] == 0.0
        assert row["loss_weights"][-1] == 1.0
    if template == "reasoning":
        assert {row["template"] for row in rows} == {"reasoning/0", "reasoning/1"}


def test_edges_of_a_catalog_become_a_set(tmp_path: Path, pictures: Path, run_json: RunJson) -> None:
    ids = [f"{number:04d}" for number in range(6)]
    catalog = write_parquet(
        tmp_path / "c.parquet",
        {
            "id": ids,
            "uri": [str(pictures / f"{name}.png") for name in ids],
            "text": ["a red circle"] * len(ids),
            "feature": ["edge"] * len(ids),
        },
    )
    run_json("structure", catalog, tmp_path / "edges", "--of", "edge")
    run_json("tokenize", tmp_path / "edges" / "structures", tmp_path / "edge-codes")
    run_json("tokenize", catalog, tmp_path / "codes")
    run_json(
        *("assemble", catalog, tmp_path / "out", "--template", "structure"),
        *("--codes", tmp_path / "codes", "--codes", f"structure={tmp_path / 'edge-codes'}"),
    )
    shown = {row["asset_id"]: row["codes"] for row in read_table(tmp_path / "edge-codes", "tokens")}
    drawn = {row["asset_id"]: row["codes"] for row in read_table(tmp_path / "codes", "tokens")}
    assert shown != drawn
    rows = read_table(tmp_path / "out", "documents")
    assert [row["asset_id"] for row in rows] == ids
    first = Oracle().first_code
    for row in rows:
        codes = [token - first for token in row["token_ids"] if first <= token < first + 512]
        assert codes == [*shown[row["asset_id"]], *drawn[row["asset_id"]]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--codes is missing"),
        (("--codes", "{made}/none"), "holds no codes of pictures"),
        (("--codes", "{made}/tokens", "--neighbors", "{made}/tokens"), "holds no neighbours"),
        (("--codes", "{made}/tokens", "--template", "nothing"), "There is no template nothing"),
        (("--codes", "{made}/tokens", "--template", "{made}/other.toml"), "--codes other=OUT"),
        (
            ("--codes", "{made}/tokens", "--template", "grounded"),
            "needs a column objects, and the catalog has none",
        ),
        (("--codes", "{made}/tokens", "--context", "5000"), "more than the 512 tokens"),
        (("--codes", "{made}/foreign"), "are of another tokenizer (sha256:other, of m)"),
        (("--codes", "{made}/tokens", "--model", "calumma-clip"), "chameleon"),
    ],
)
def test_what_cannot_be_assembled(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    said: str,
) -> None:
    command = ["assemble", str(made / "catalog.parquet"), str(tmp_path / "out")]
    assert run([*command, *(one.format(made=made) for one in options)]) in {1, 2}
    printed = capsys.readouterr().err
    assert said in printed
    assert len(printed.splitlines()) == 1
    assert not (tmp_path / "out" / "_runs").exists()
