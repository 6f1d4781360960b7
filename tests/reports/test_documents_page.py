"""The data card of training documents that jobs assembled: its figures, and its page."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import easy_vqa
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import run as calumma
from reports.document_samples import show_document
from reports.documents_page import is_of_documents, write_documents_page
from schemas.arrow import to_table
from schemas.document import Document, DocumentSegment
from schemas.duplicate import Duplicate
from schemas.errors import RunError, UsageError, WorkerError
from storage.drop_list import find_drop_list, open_drop_list
from storage.duplicates.record import DuplicatesRecord
from storage.layout import duplicates_path
from storage.store.local import LocalStore
from tests.reports.accessibility import check_page
from tests.storage.committed_rows import commit_rows, image_tokens, neighbors

PICTURES = 60
WITHOUT_TEXT = 7
BEFORE_IT = f"query-{WITHOUT_TEXT - 1:05d}"
HASH = "sha256:0"
DRAWN = {
    "retrieved_at_most": 0,
    "retrieved": 0,
    "retrieved_left_out_for_length": 0,
    "retrieved_passed_over": 0,
    "spans": [],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of two catalogs, with neighbours, rows that fail, and licences that are missing."""
    folder: Path = tmp_path_factory.mktemp("documents")
    paths = easy_vqa.get_test_image_paths()
    names = [f"query-{number:05d}" for number in range(PICTURES)]
    texts = [f"picture number {number}" if number != WITHOUT_TEXT else "" for number in range(60)]
    catalog = {
        "id": names,
        "uri": [paths[number] for number in range(PICTURES)],
        "text": texts,
        "license": ["MIT" if number % 3 else "" for number in range(PICTURES)],
        "source": ["easy-vqa" if number % 2 else "elsewhere" for number in range(PICTURES)],
    }
    pq.write_table(pa.table(catalog), folder / "catalog.parquet")
    asked, answers, images = (some[:90] for some in easy_vqa.get_test_questions())
    questions = {
        "question_id": [f"q{number}" for number in range(90)],
        "image_id": [f"query-{image:05d}" for image in images],
        "question": list(asked),
        "answers": [[answer] for answer in answers],
    }
    questions["image_id"][0] = "gone"
    pq.write_table(pa.table(questions), folder / "questions.parquet")
    columns = ("uri", "text", "license", "source")
    codes = [
        image_tokens(
            name,
            Random(number).choices(range(512), k=64),
            **{column: catalog[column][number] for column in columns},
            height=8,
            width=8,
        )
        for number, name in enumerate(names)
    ]
    commit_rows(LocalStore(folder / "codes"), codes)
    near = [
        neighbors(name, [names[(number + hop) % PICTURES] for hop in range(1, number % 4)])
        for number, name in enumerate(names)
    ]
    commit_rows(LocalStore(folder / "near"), near)
    assemble(folder, "out")
    more = ["--template", "question", "--copies", "1.5", "--columns.id", "question_id"]
    assert calumma([*command(folder, "questions", "out"), *more]) == 0
    return folder


def command(folder: Path, catalog: str, out: str) -> list[str]:
    codes = str(folder / "codes")
    return [
        "assemble",
        str(folder / f"{catalog}.parquet"),
        str(folder / out),
        "--codes",
        codes,
        "--json",
    ]


def assemble(folder: Path, out: str, *options: str) -> None:
    # What is drawn follows from the folder's name too, so the count is not drawn here.
    near = ["--neighbors", str(folder / "near"), "--retrieved-weight", "0.1", "--no-draw-count"]
    assert calumma([*command(folder, "catalog", out), *near, *options]) == 0


@pytest.fixture(scope="module")
def card(made: Path) -> dict[str, Any]:
    """The card of the documents."""
    assert calumma(["report", str(made / "out")]) == 0
    read: dict[str, Any] = json.loads((made / "out" / "card.json").read_text())
    return read


@pytest.fixture(scope="module")
def ask(made: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """Asks DuckDB about the same tables: documents, and their segments with weights."""
    connection = duckdb.connect()
    connection.execute(
        f"""
        CREATE VIEW documents AS FROM read_parquet('{made}/out/documents/*/*.parquet');
        CREATE VIEW segments AS
            SELECT key, task, template, s.*, s."end" - s.start AS tokens,
                list_filter(loss_weights[s.start + 1:s."end"], lambda w: w > 0) AS weighty,
                coalesce(list_sum(loss_weights[s.start + 1:s."end"]), 0) AS weight
            FROM (SELECT key, task, template, loss_weights, unnest(segments) AS s FROM documents);
        """
    )
    return lambda query: connection.execute(query).fetchall()


def test_nothing_serious_is_found_in_the_card(
    made: Path, card: dict[str, Any], chromium: Any
) -> None:
    findings = check_page(chromium, made / "out" / "report.html")
    assert not findings, "\n\n".join(findings)


def test_counts_are_those_of_duckdb(card: dict[str, Any], ask: Any) -> None:
    [(documents, tokens, sequences)] = ask(
        "SELECT count(*), sum(length), count(DISTINCT sequence) FROM documents"
    )
    assert (card["documents"], card["tokens"], card["sequences"]) == (documents, tokens, sequences)
    assert card["packing"] == pytest.approx(tokens / (sequences * 512))
    [(with_loss, weight)] = ask("SELECT sum(len(weighty)), sum(weight) FROM segments")
    assert (card["with_loss"], card["loss_weight"]) == (with_loss, pytest.approx(weight, abs=0.01))
    assert weight < with_loss < tokens
    kinds = ask(
        "SELECT task, kind, sum(tokens), sum(len(weighty)), sum(weight) FROM segments GROUP BY ALL"
    )
    found = {(one["task"], one["kind"]): one for one in card["modalities"]}
    assert len(found) == len(kinds) == 8
    for task, kind, *expected in kinds:
        one = found[task, kind]
        told = [one["tokens"], one["with_loss"], one["loss_weight"]]
        assert told == pytest.approx(expected, abs=0.01)
    assert sum(one["count"] for one in card["lengths"]["bins"]) == documents
    for one in card["lengths"]["bins"]:
        [(count,)] = ask(
            f"SELECT count(*) FROM documents WHERE length BETWEEN {one['low']} AND {one['high']}"
        )
        assert one["count"] == count


def test_the_mix_is_that_of_duckdb(card: dict[str, Any], ask: Any) -> None:
    found = {
        f"{one['template']}/{layout['layout']}": layout
        for one in card["mix"]
        for layout in one["layouts"]
    }
    expected = ask("SELECT template, count(*), sum(length) FROM documents GROUP BY ALL")
    assert {name: (one["documents"], one["tokens"]) for name, one in found.items()} == {
        name: (documents, tokens) for name, documents, tokens in expected
    }
    rows = ask("SELECT task, count(DISTINCT asset_id), count(*) FROM documents GROUP BY ALL")
    assert sorted((one["task"], one["rows"], one["documents"]) for one in card["mix"]) == sorted(
        rows
    )
    pair, question = card["runs"]
    assert (pair["rows_in"], pair["rows_out"], pair["failed"]) == (60, 59, 1)
    assert pair["failures_by_kind"] == {"invalid_row": 1}
    assert "text is empty" in pair["example"]["invalid_row"]
    assert (question["copies"], question["rows_in"]) == (1.5, 180)
    assert question["rows_out"] + question["failed"] + question["skipped"] == 180
    assert question["found"] == question["rows_out"] > 89
    assert question["failures_by_kind"].keys() == {"unknown_asset"}


def test_retrieved_documents_and_spans_are_those_of_duckdb(card: dict[str, Any], ask: Any) -> None:
    retrieved = ask("SELECT len(retrieved_ids), count(*) FROM documents GROUP BY ALL ORDER BY 1")
    assert [(one["low"], one["count"]) for one in card["retrieved"]["bins"]] == retrieved
    assert card["left_out"] == 0
    # Wanted were more than a row has neighbours, or than have a text.
    [(fewer,)] = ask(
        "SELECT count(*) FROM documents"
        " WHERE len(retrieved_ids) < (choices::JSON->>'retrieved_at_most')::INT"
    )
    assert card["fewer"] == fewer > 0
    # One picture has no text, and is the neighbour of one other.
    [(passed_over,)] = ask(f"SELECT count(*) FROM documents WHERE asset_id = '{BEFORE_IT}'")
    assert card["passed_over"] == passed_over == 1
    spans = ask(
        "SELECT count(*), sum(n), max(n) FROM (SELECT sum(tokens) AS n FROM segments"
        " WHERE span >= 0 AND kind != 'sentinel' GROUP BY key, span)"
    )
    lengths = card["span_lengths"]
    assert [(lengths["count"], lengths["total"], lengths["most"])] == spans
    assert sum(one["count"] for one in lengths["bins"]) == lengths["count"]
    numbers = ask(
        "SELECT n, count(*) FROM (SELECT key, count(DISTINCT span) FILTER (span >= 0) AS n"
        " FROM segments GROUP BY key) GROUP BY n ORDER BY n"
    )
    assert [(one["low"], one["count"]) for one in card["spans"]["bins"] if one["count"]] == numbers


def test_licences_and_sources_are_those_of_duckdb(card: dict[str, Any], ask: Any) -> None:
    expected = ask(
        "SELECT license, source, sum(tokens), sum(tokens) FILTER (retrieved), sum(len(weighty)),"
        " count(DISTINCT asset_id) FROM segments WHERE asset_id != '' GROUP BY ALL"
    )
    found = [
        (
            one["license"],
            one["source"],
            one["tokens"],
            one["retrieved"] or None,
            one["with_loss"],
            one["assets"],
        )
        for one in card["origins"]
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    [(tokens, assets)] = ask(
        "SELECT sum(tokens), count(DISTINCT asset_id) FROM segments"
        " WHERE asset_id != '' AND license = ''"
    )
    assert (card["unlicensed"], card["unlicensed_assets"]) == (tokens, assets)
    assert card["warnings"] == [f"{tokens:,} tokens of {assets} assets are of no known licence."]


def test_one_run_alone(made: Path, card: dict[str, Any]) -> None:
    run = card["runs"][0]["run_id"]
    summary = write_documents_page(str(made / "out"), str(made / "one.html"), run=run)
    assert str(summary).splitlines()[0] == (
        f"{made}/one.html: 59 documents; the same as JSON: {made}/card.json"
    )
    assert json.loads((made / "card.json").read_text())["documents"] == 59
    with pytest.raises(UsageError, match="There is no run nope"):
        write_documents_page(str(made / "out"), run="nope")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page(made: Path, card: dict[str, Any], visit: Any, width: int, scheme: str) -> None:
    page = visit(width, scheme).goto(made / "out" / "report.html")
    told = f"{card['documents']:,} documents of {card['tokens']:,} tokens"
    assert page.locator("h1").inner_text() == told
    assert page.locator(".notice").all_inner_texts() == card["warnings"]
    assert page.locator(".document").count() == 24
    # Twelve of each task, each with all that is of it.
    tasks = page.locator(".document h3 small bdi:first-child").all_inner_texts()
    assert (tasks.count("pair"), tasks.count("question")) == (12, 12)
    assert (
        page.locator(".document figure image").count() == page.locator(".document figure").count()
    )
    unlicensed = page.locator("tr.unlicensed")
    assert unlicensed.count() == len([one for one in card["origins"] if not one["license"]])
    assert "unknown" in unlicensed.first.inner_text()
    assert page.locator(".weight", has_text="×0.1").count() > 1
    # From where a span was to where it is told, and back, by the keyboard.
    link = page.locator("a.sentinel").first
    link.focus()
    page.keyboard.press("Enter")
    target = page.locator("a.sentinel:target")
    assert target.get_attribute("href") == f"#{link.get_attribute('id')}"
    assert "told" in str(target.get_attribute("id"))
    contrast = page.evaluate(CONTRAST)
    assert min(contrast.values()) >= 4.5, contrast


# Of each kind of text that this page adds: its colour against what lies behind it.
CONTRAST = """
() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!color.endsWith(", 0)")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = {};
  for (const name of ["column", "words", "tag", "sentinel", "missing", "given", "unweighed",
                      "weight", "inner", "label", "field"]) {
    const all = document.querySelectorAll(`.${name}`);
    if (!all.length) throw new Error(`nothing is of class ${name}`);
    for (const node of all) {
      const both = [light(getComputedStyle(node).color), light(behind(node))];
      const [one, other] = both.sort((a, b) => b - a);
      found[name] = Math.min(found[name] ?? 99, (one + 0.05) / (other + 0.05));
    }
  }
  return found;
}
"""


def test_a_shown_document_is_what_its_row_says(made: Path) -> None:
    tables = [pq.read_table(file) for file in (made / "out" / "documents").glob("*/*.parquet")]
    for row in pa.concat_tables(tables).to_pylist():
        shown = show_document(row)
        names = [group.name for group in shown.groups if group.kind == "retrieved"]
        assert names == row["retrieved_ids"]
        assert [group.name for group in shown.groups if group.kind == "main"] == [row["asset_id"]]
        segments = row["segments"]
        told = {one["span"] for one in segments if one["span"] >= 0}
        pieces = [piece for group in shown.groups for piece in group.pieces]
        pictures = [one for one in pieces if one.kind == "image" and not one.told]
        assert all(one.codes == 64 for one in pictures)
        texts = "".join(one["text"] for one in segments if one["kind"] == "text")
        assert sorted(texts) == sorted("".join(one.text for one in pieces if one.kind == "text"))
        missing = {piece.span for piece in pieces if piece.missing}
        missing |= {cells.span for one in pictures for cells in one.cells}
        assert missing == told
        for one in pictures:
            cut = sum(cells.stop - cells.start for cells in one.cells)
            assert cut <= one.codes


def found_alike(out: Path, *clusters: Sequence[str]) -> Path:
    """Write what a search for duplicates leaves behind; the first of each cluster is kept."""
    rows = [
        Duplicate(
            asset_id=name,
            uri="",
            kept_id=names[0],
            kept=name == names[0],
            why="near",
            difference=1.0,
            similarity=1.0,
            cluster_size=len(names),
        )
        for names in clusters
        for name in names
    ]
    path = "duplicates/run=r/part-0.parquet"
    (out / path).parent.mkdir(parents=True)
    pq.write_table(to_table(Duplicate, rows), out / path)
    record = DuplicatesRecord(
        commit=1,
        token="",
        run_id="r",
        model="m",
        revision="r",
        max_difference=6.0,
        min_similarity=0.9,
        pictures=PICTURES,
        clusters=len(clusters),
        kept=PICTURES,
        left_out={},
        files=(path,),
        keep_list="",
    )
    (out / duplicates_path(1)).parent.mkdir()
    (out / duplicates_path(1)).write_text(json.dumps(asdict(record)))
    return out


def test_what_is_of_a_test_set_is_counted_and_dropped(
    made: Path, tmp_path: Path, ask: Any, visit: Any
) -> None:
    test = [f"query-{number:05d}" for number in (4, 11, 30)]
    like = [*test, "query-00021", "query-00022"]
    alike = found_alike(
        tmp_path / "alike", ("query-00021", "query-00022", test[1]), ("query-00050", "query-00051")
    )
    (tmp_path / "test.txt").write_text("\n".join([*test, "not in any document", ""]))
    named = ["--duplicates", str(alike), "--test-ids", str(tmp_path / "test.txt")]
    assert calumma(["report", str(made / "out"), *named, "--to", str(tmp_path / "page.html")]) == 0
    overlap = json.loads((tmp_path / "card.json").read_text())["overlap"]
    for name, ids in (("test", like), ("left_out", ["query-00022", test[1], "query-00051"])):
        [(documents, own, tokens, assets)] = ask(
            "SELECT count(DISTINCT key), count(DISTINCT key) FILTER (NOT retrieved), sum(tokens),"
            f" count(DISTINCT asset_id) FROM segments WHERE asset_id IN {tuple(ids)}"
        )
        assert overlap[name] == {
            "documents": documents,
            "retrieved_only": documents - own,
            "tokens": tokens,
            "assets": assets,
        }
        assert documents > own
    page = visit().goto(tmp_path / "page.html")
    shown = overlap["test"]["documents"]
    assert (
        f"{shown} documents show assets of the test set"
        in page.locator(".notice").last.inner_text()
    )

    # Neither a row nor a neighbour is of them, nor a question about one.
    drop = ["--drop", str(tmp_path / "test.txt"), "--duplicates", str(alike)]
    out = tmp_path / "out"
    assemble(made, str(out), *drop)
    asking = command(made, "questions", str(out))
    more = ["--template", "question", "--columns.id", "question_id"]
    assert calumma([*asking, *more, *drop]) == 0
    assert calumma(["report", str(out), *named]) == 0
    card = json.loads((out / "card.json").read_text())
    assert card["overlap"]["test"]["documents"] == 0
    assert card["documents"] > 100
    pair, question = card["runs"]
    assert (pair["skipped"], pair["rows_out"]) == (len(like), PICTURES - len(like) - 1)
    images = pq.read_table(made / "questions.parquet")["image_id"].to_pylist()
    assert question["skipped"] == sum(image in like for image in images) > 0
    assert calumma([*asking, *drop[2:]]) == 2


def test_a_drop_list_that_changes_under_a_run(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nb\n")
    drop = find_drop_list(str(tmp_path / "ids.txt"))
    assert len(open_drop_list(drop)) == 2
    (tmp_path / "ids.txt").write_text("a\n")
    open_drop_list.cache_clear()
    with pytest.raises(WorkerError, match="has changed since the run began"):
        open_drop_list(drop)


def document(name: str, *said: str, **changed: Any) -> Document:
    """A document of texts of one token each; every text is also its licence and source."""
    segments = tuple(
        DocumentSegment(
            kind="text",
            start=place,
            end=place + 1,
            asset_id=text,
            license=text,
            source=text,
            uri="",
            field=text,
            field_start=0,
            retrieved=False,
            span=-1,
            text=text,
        )
        for place, text in enumerate(said)
    )
    fields: dict[str, Any] = {
        "key": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
        "asset_id": name,
        "copy_number": 0,
        "task": name,
        "template": f"{name}/0",
        "token_ids": np.zeros(len(said), np.uint16),
        "loss_weights": np.ones(len(said), np.float32),
        "length": len(said),
        "beginning": 0,
        "segments": segments,
        "sequence": name,
        "sequence_start": 0,
        "context": 64,
        "retrieved_ids": (),
        "choices": json.dumps({**DRAWN, "drawn_texts": {name: 0}}),
        "tokenizer_hash": "",
        "vocabulary_hash": HASH,
        "model": "some-model",
        "revision": "r1",
        "attributes": "{}",
    }
    return Document(**(fields | changed))


def assembled(output: Any, documents: list[Document], run: str = "20260301-020000-aaaaaa") -> str:
    """Write documents as a run leaves them behind; gives the output."""
    output.assemble_run(run, documents)
    return str(output.out)


@pytest.mark.parametrize("width", [1280, 390])
def test_texts_of_others_stay_texts(output: Any, visit: Any, width: int) -> None:
    texts = output.hostile_texts
    out = assembled(output, [document(text, *texts) for text in texts])
    assert calumma(["report", out]) == 0
    page = visit(width).goto(f"{out}/report.html")
    assert page.locator(".document").count() == len(texts)
    assert sorted(page.locator(".document h3 > bdi").all_text_contents()) == sorted(
        text.replace("\x00", "") for text in texts
    )
    assert page.locator("img, script, base, svg[onload]").count() == 0


def test_what_is_to_be_looked_at_is_told(output: Any) -> None:
    one = document("one", "a", "b")
    other = document("two", "a", vocabulary_hash="sha256:1", revision="r2")
    again = document("one", "a", key="f" * 32)
    out = assembled(output, [one, other])
    assembled(output, [again], "20260302-020000-aaaaaa")
    summary = write_documents_page(out)
    assert len(summary.warnings) == 2
    assert "written in 2 vocabularies" in summary.warnings[0]
    assert summary.warnings[1].startswith("1 document is of a row")
    card = json.loads(Path(summary.card).read_text())
    assert card["vocabularies"] == {"sha256:0": 2, "sha256:1": 1}
    assert card["contexts"] == [{"context": 64, "documents": 3, "sequences": 2}]


def test_segments_that_do_not_cover_their_document(output: Any) -> None:
    damaged = document("one", "a", "b", loss_weights=np.ones(3, np.float32))
    with pytest.raises(RunError, match="do not cover it: the table is damaged"):
        write_documents_page(assembled(output, [damaged]))


def test_tables_that_are_gone_or_damaged(output: Any, capsys: pytest.CaptureFixture[str]) -> None:
    out = assembled(output, [document("one", "a", choices="{}")])
    assert calumma(["report", out]) == 1
    assert "cannot be counted: KeyError('spans')" in capsys.readouterr().err
    (file,) = Path(out).glob("documents/*/*.parquet")
    file.unlink()
    assert calumma(["report", out]) == 1
    assert f"{file.relative_to(out)} was committed and is gone" in capsys.readouterr().err


def test_no_documents(output: Any, visit: Any) -> None:
    out = assembled(output, [])
    assert is_of_documents(out)
    write_documents_page(out)
    page = visit().goto(f"{out}/report.html")
    assert page.locator(".empty").inner_text() == "No document was written."


def test_other_outputs_have_no_card(output: Any, capsys: pytest.CaptureFixture[str]) -> None:
    output.caption_run("20260301-020000-aaaaaa", rows=1)
    assert not is_of_documents(str(output.out))
    assert calumma(["report", str(output.out), "--test-ids", "ids.txt"]) == 2
    assert "are for training documents" in capsys.readouterr().err
