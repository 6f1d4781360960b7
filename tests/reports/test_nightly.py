"""The nightly eye: ordinary nights in peace, planted faults found, figures kept and read once."""

import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread

import numpy as np
import pytest

from pipelines.cli import run
from reports.nightly.compare import compare
from reports.nightly.statistics import read_statistics
from reports.nightly.texts import has_loop, is_refusal, language_of, script_of, words_of
from reports.nightly.watch import accept, watch
from schemas.errors import UsageError
from storage.store.local import LocalStore
from tests.reports.nights import Row, statistics, taken, write_night

_NIGHTS = 30


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty ordinary nights, each looked at as it ended."""
    out = tmp_path_factory.mktemp("ordinary")
    generator = np.random.default_rng(20_260_101)
    alarms = []
    for number in range(1, _NIGHTS + 1):
        write_night(out, number, generator)
        (watched,) = watch(LocalStore(out))
        assert watched.compared_with == (number - 1 if number > 3 else 0)
        alarms += [(number, one) for one in watched.alarms]
    assert len(alarms) <= 1, alarms
    return out


def worse_model(rows: list[Row], generator: np.random.Generator) -> list[Row]:
    """Less sure of itself, and it knows few things."""
    for row in rows:
        words = row["text"].replace("boat", "dog").replace("lamp", "cat").split()
        row["text"] = " ".join(words[: generator.integers(4, 7)])
        row["mean_logprob"] -= 0.3
    return rows


def loops(rows: list[Row], generator: np.random.Generator) -> list[Row]:
    """Three rows of a hundred go round in a loop, as long as their neighbours."""
    for place in generator.choice(len(rows), round(0.03 * len(rows)), replace=False):
        rows[place]["text"] = "a red dog a red dog a red dog a red"
    return rows


def doubled(rows: list[Row], _: np.random.Generator) -> list[Row]:
    """Each second picture has the caption of the one before it."""
    for first, second in zip(rows[::2], rows[1::2], strict=False):
        second["text"] = first["text"]
    return rows


def without_slice(rows: list[Row], _: np.random.Generator) -> list[Row]:
    """The pictures of one source are not there, and nothing says so."""
    return [row for row in rows if "studio" not in row["attributes"]]


def refusing(rows: list[Row], generator: np.random.Generator) -> list[Row]:
    for place in generator.choice(len(rows), round(0.05 * len(rows)), replace=False):
        rows[place]["text"] = "I'm sorry, but I can't help with that picture of a person here."
    return rows


@pytest.mark.parametrize(
    ("fault", "measure"),
    [
        (worse_model, "confidence"),
        (worse_model, "words"),
        (loops, "loops"),
        (doubled, "repeated"),
        (without_slice, "slice: source = studio"),
        (refusing, "refusals"),
    ],
)
def test_a_planted_fault_raises_its_alarm(
    ordinary: Path, tmp_path: Path, fault: object, measure: str
) -> None:
    out = tmp_path / "out"
    shutil.copytree(ordinary, out)
    write_night(out, _NIGHTS + 1, np.random.default_rng(5), fault)  # type: ignore[arg-type]
    (watched,) = watch(LocalStore(out))
    assert measure in {one.measure for one in watched.alarms}
    # What is taken as usual from now on is no alarm any more, and neither is the next night.
    accept(LocalStore(out))
    write_night(out, _NIGHTS + 2, np.random.default_rng(6), fault)  # type: ignore[arg-type]
    (watched,) = watch(LocalStore(out))
    assert not watched.alarms


def test_figures_are_kept_and_the_rows_not_read_again(ordinary: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ordinary, out)
    before = watch(LocalStore(out))
    shutil.rmtree(out / "captions")
    assert watch(LocalStore(out)) == before
    known = read_statistics(LocalStore(out), before[0].run_id)
    assert known is not None
    assert known.slices.keys() == {"folder", "source"}  # numbers are no slices


def test_a_run_of_what_had_failed_is_neither_compared_nor_usual(
    ordinary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(ordinary, out)
    (before,) = watch(LocalStore(out))
    for number in range(_NIGHTS + 1, _NIGHTS + 17):  # most of thirty
        again = write_night(out, number, np.random.default_rng(5), doubled, only_failed=True)
    # The newest night is looked at, against what it was looked at with.
    repair, newest = watch(LocalStore(out))
    assert newest == before
    assert (repair.run_id, repair.only_failed, repair.comparisons) == (again, True, ())
    capsys.readouterr()
    assert run(["watch", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"caption {again}: not compared, as it ran with --only-failed"
    assert told[1].startswith(f"caption {before.run_id}: as usual, by ")
    assert run(["watch", str(out), "--run", again, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["only_failed"]
    assert not shown["comparisons"]
    # The next night is told by ordinary ones; its history begins where it was accepted.
    write_night(out, number + 1, np.random.default_rng(5), doubled)
    (watched,) = watch(LocalStore(out))
    assert watched.compared_with == _NIGHTS
    assert "repeated" in {one.measure for one in watched.alarms}
    write_night(out, number + 2, np.random.default_rng(5), only_failed=True)
    assert run(["watch", str(out), "--accept"]) == 0
    assert f"{watched.run_id}: accepted" in capsys.readouterr().out
    assert json.loads((out / "_watch/accepted-caption.json").read_text())["commit"] == number + 1


def test_an_output_of_nothing_but_what_had_failed_has_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = write_night(tmp_path, 1, np.random.default_rng(5), only_failed=True)
    line = f"caption {run_id}: not compared, as it ran with --only-failed\n"
    for arguments in ([], ["--run", run_id], ["--accept"]):
        assert run(["watch", str(tmp_path), *arguments]) == 0
        assert capsys.readouterr().out == line
    assert not (tmp_path / "_watch").exists()


def test_of_nights_that_differ_by_chance_few_raise_an_alarm() -> None:
    generator = np.random.default_rng(3)
    rates = np.array([0.0005, 0.002, 0.01, 0.05, 0.3, 0.3, 0.02, 0.001, 0.1, 0.5])
    alarming = spoken = 0
    for _ in range(400):
        sizes = generator.integers(200, 2000, 8)
        nights = [
            statistics(generator.binomial(size, rates).tolist(), int(size), taken(size, generator))
            for size in sizes
        ]
        found = compare(nights[0], nights[1:])
        spoken += any(one.measure == "rows a second" for one in found)
        alarming += any(one.is_unusual for one in found)
    assert alarming <= 8  # 1 % is promised
    assert spoken >= 200  # of the speed


def test_shares_are_told_as_counted_and_bounds_as_counts_reach_them() -> None:
    earlier = [statistics([count, 20], 60) for count in (0, 0, 0, 0, 1, 3)]
    none, third = compare(statistics([0, 20], 60), earlier)[:2]
    assert (none.value, none.usual, third.usual) == (0.0, 0.0, 20 / 60)
    alarms = []
    for count in range(61):
        one = compare(statistics([count, 20], 60), earlier)[0]
        assert one.value == count / 60
        assert one.high == none.high
        alarms.append(one.is_unusual)
    # By hand: medians of 2 asin(sqrt((k + 3/8) / 60.75)) are 0.1574 and, of deviations, 0; noise is
    # 1 / sqrt(60.5) = 0.1286, and z of three figures at one in a hundred, two-sided, 2.9352.
    angle = 0.1574 + 2.9352 * (1 + 3 / 6) * 0.1286
    angles = 2 * np.arcsin(np.sqrt((np.arange(61) + 3 / 8) / 60.75))
    assert alarms == (angles > angle).tolist()


def test_texts_are_told_apart() -> None:
    def loop(text: str) -> bool:
        return has_loop(words_of(text, script_of(text)))

    assert loop("a dog a dog a dog")
    assert loop("red red red red")
    assert loop("the sky. The sky! the sky, the sky")
    assert loop("一只狗一只狗一只狗")
    assert not loop("a very, very, very good dog")
    assert not loop("a red dog and a red cat and a red")
    assert not loop("")
    assert is_refusal("I’m sorry, I cannot describe this.")
    assert not is_refusal("A man is sorry for his dog.")
    assert [script_of(text) for text in ("a dog", "собака", "一只狗", "犬です", "12")] == [
        "Latin",
        "Cyrillic",
        "Han",
        "Hiragana",
        "none",
    ]
    texts = ("a dog on the grass", "ein Hund auf der Wiese", "un chien dans le pré", "dog")
    languages = [language_of(words_of(text, "Latin")) for text in texts]
    assert languages == ["en", "de", "fr", "unclear"]


class Hook(BaseHTTPRequestHandler):
    taken: list[dict[str, object]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.taken.append(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


def test_the_command_exits_with_3_and_posts_its_alarms(
    ordinary: Path, tmp_path: Path, hook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(ordinary, out)
    assert run(["watch", str(out), "--run", "20260120-000000-aaaaaa"]) == 0
    write_night(out, _NIGHTS + 1, np.random.default_rng(5), loops)
    capsys.readouterr()
    assert run(["watch", str(out), "--webhook", hook]) == 3
    printed = capsys.readouterr().out
    assert "texts that go round in a loop: 3" in printed
    (posted,) = Hook.taken
    assert "texts that go round in a loop" in str(posted["text"])
    assert run(["watch", str(out), "--json"]) == 3
    (told,) = json.loads(capsys.readouterr().out)
    assert "loops" in {one["measure"] for one in told["alarms"]}
    assert run(["watch", str(out), "--webhook", hook[:-5].replace("http", "ftp")]) == 2
    assert run(["watch", str(out), "--accept"]) == 0
    assert "accepted" in capsys.readouterr().out


@pytest.fixture(params=[b"\x1b[2Jgarbage\r\n\r\n", b"HTTP/1.1 99\r\n\r\n", b""])
def broken(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that takes a request and answers with what is no HTTP."""

    class Broken(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(request.param)

    with TCPServer(("127.0.0.1", 0), Broken) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()


@pytest.fixture(scope="module")
def alarming(ordinary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output whose newest night has alarms."""
    out = tmp_path_factory.mktemp("alarming") / "out"
    shutil.copytree(ordinary, out)
    write_night(out, _NIGHTS + 1, np.random.default_rng(5), loops)
    return out


def test_a_broken_webhook_is_told_in_a_sentence(
    alarming: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", str(alarming), "--webhook", broken]) == 1
    assert_not_taken(capsys.readouterr().err, broken)


@pytest.mark.parametrize("rest", ["/a b", ":port/", "[", "", "/\n"])
def test_a_malformed_webhook_is_told_in_a_sentence(
    alarming: Path, rest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook = f"http://{'127.0.0.1:1' if rest.startswith('/') else ''}{rest}"
    assert run(["watch", str(alarming), "--webhook", webhook]) == 1
    assert_not_taken(capsys.readouterr().err, webhook)


def assert_not_taken(told: str, webhook: str) -> None:
    assert f"There are alarms, and {webhook} did not take them (" in told
    assert "Traceback" not in told
    assert "\x1b" not in told


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no finished run that tried rows"):
        watch(LocalStore(tmp_path))
    with pytest.raises(UsageError, match="no finished run x"):
        watch(LocalStore(tmp_path), "x")
