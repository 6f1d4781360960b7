"""The command line: help that answers, errors in a sentence, files behind flags."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.cli import app
from pipelines.config import CaptionConfig
from tests.pipelines.conftest import Command
from tests.transforms.work import FakeDescriber

COMMANDS = (
    "caption",
    "answer",
    "embed",
    "index",
    "neighbors",
    "duplicates",
    "search",
    "demo",
    "runs",
    "report",
    "latest",
    "compact",
    "forget",
    "watch",
    "convert",
    "evaluate",
    "compare",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_exits_0(command: Command, name: str) -> None:
    code, said, errors = command(name, "--help")
    assert (code, errors) == (0, "")
    assert said.startswith(f"Usage: calumma {name}")
    assert re.search(rf"^(Example: )?calumma {name}\b", said, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(app, "_console", Console(width=300))
    _, said, _ = command(name, "--help")
    options = [
        argument.name
        for argument in app[name].assemble_argument_collection()
        if argument.parse and argument.show and not argument.children
    ]
    assert {"--out", "--index", "--a"} & {*options}
    for option in options:
        (line,) = re.findall(rf"^│.* {option}(?= ).*$", said, re.MULTILINE)
        assert re.search(r" {2,}[A-Z0-9][^.]+ [^.]+\.", line), line


def test_the_whole_program_names_its_commands(command: Command) -> None:
    for arguments in ((), ("--help",)):
        code, said, errors = command(*arguments)
        assert (code, errors) == (0, "")
        assert all(re.search(rf"\b{name} ", said) for name in COMMANDS)


def test_the_version_is_the_package_s(command: Command) -> None:
    code, said, _ = command("--version")
    assert code == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", said)


def test_help_imports_neither_beam_nor_torch() -> None:
    code = (
        "import sys; from pipelines.cli import run\n"
        "assert run(['caption', '--help']) == 0\n"
        "assert not {'torch', 'apache_beam', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["caption"], "CATALOG is missing"),
        (["caption", "PICTURES"], "OUT is missing"),
        (["caption", "a.tar", "b.tar", "c.tar"], "Put a glob in quotes"),
        (["report", "OUT", "--config", "c.toml"], "--config is for caption, answer, embed"),
        (["captoin", "PICTURES", "OUT"], "captoin"),
        (["caption", "PICTURES", "OUT", "--modle", "x"], "--modle"),
        (["caption", "PICTURES", "OUT", "--batch-size", "many"], "batch-size"),
        (["caption", "PICTURES", "OUT", "--batch-size", "0"], "at least 1, not 0"),
        (["caption", "PICTURES", "OUT", "--fetch-threads", "0"], "at least 1, not 0"),
        (["caption", "PICTURES", "OUT", "--decode-helpers", "-1"], "at least 1, not -1"),
        (["caption", "PICTURES", "OUT", "--limit", "-5"], "at least 1, not -5"),
        (["caption", "PICTURES", "OUT", "--max-failure-rate", "2"], "at most 1, not 2"),
        (["caption", "PICTURES", "OUT", "--style", "baroque"], "style"),
        (["caption", "PICTURES", "OUT", "--dtype", "float99"], "dtype"),
        (["caption", "PICTURES", "OUT", "--temperature", "-1"], "temperature must be at least 0"),
        (["caption", "PICTURES", "OUT", "--top-p", "0"], "top-p must be above 0"),
        (["caption", "PICTURES", "OUT", "--max-new-tokens", "0"], "at least 1"),
        (["caption", "PICTURES", "OUT", "--columns.uri"], "columns.uri"),
        (["caption", "NOWHERE", "OUT"], "There is no"),
        (["caption", "EMPTY", "OUT"], "holds no pictures"),
        (["caption", "PICTURES", "ftp://host/out"], "Cannot write to ftp://"),
        (["answer", "PICTURES", "OUT"], "one of the two"),
        (["answer", "PICTURES", "OUT", "--question", "a?", "--questions", "q.csv"], "of the two"),
        (["answer", "PICTURES", "OUT", "--question", "a?", "--prompt", "b"], "{question}"),
        (["answer", "PICTURES", "OUT", "--questions", "NOWHERE.csv"], "There is no"),
        (["caption", "PICTURES", "OUT", "--config"], "--config needs a file"),
        (["caption", "PICTURES", "OUT", "--config", "NOWHERE.toml"], "no configuration file"),
        (["caption", "PICTURES", "OUT", "--config=NOWHERE.toml"], "no configuration file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_usage_error_is_a_sentence_and_exit_code_2(
    command: Command,
    pictures: Path,
    tmp_path: Path,
    model: FakeDescriber,
    arguments: list[str],
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    places = {
        "PICTURES": str(pictures),
        "OUT": str(tmp_path / "out"),
        "EMPTY": str(tmp_path / "empty"),
        "NOWHERE": str(tmp_path / "nowhere"),
    }
    for place, path in places.items():
        arguments = [argument.replace(place, path) for argument in arguments]
    code, out, errors = command(*arguments)
    assert (code, out) == (2, "")
    assert said in errors
    (line,) = [line for line in errors.splitlines() if line.startswith("calumma: ")]
    assert "Traceback" not in errors
    assert "while running" not in errors
    assert len(re.findall(r"[.!?](?= |$)", line)) <= 3
    assert not list(tmp_path.rglob("*.parquet"))


def caption(command: Command, pictures: Path, out: Path, *more: object) -> dict[str, Any]:
    code, said, errors = command("caption", pictures, out, "--json", *more)
    assert (code, errors) == (0, "")
    manifest: dict[str, Any] = json.loads(said)
    return manifest


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_configuration_file_stands_behind_the_flags(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    toml = write(
        tmp_path / "c.toml",
        'prompt = "What is it?"\nbatch_size = 3\nlimit = 5\n[columns]\ntext = "words"\n',
    )
    manifest = caption(command, pictures, tmp_path / "a", "--config", toml)
    config = manifest["config"]
    assert (config["prompt"], config["batch_size"], config["limit"]) == ("What is it?", 3, 5)
    assert config["columns"]["text"] == "words"
    assert config["model"] == CaptionConfig().model
    assert manifest["counts"]["rows_out"] == 5
    manifest = caption(command, pictures, tmp_path / "b", f"--config={toml}", "--limit", 2)
    assert (manifest["config"]["limit"], manifest["config"]["batch_size"]) == (2, 3)


def test_a_configuration_file_of_one_command_does_not_reach_the_next(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    toml = write(tmp_path / "c.toml", "limit = 1\n")
    assert caption(command, pictures, tmp_path / "a", "--config", toml)["counts"]["rows_out"] == 1
    assert caption(command, pictures, tmp_path / "b")["counts"]["rows_out"] == 10


def test_a_configuration_file_may_hold_several_questions(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    toml = write(tmp_path / "c.toml", 'question = ["What color?", "What shape?"]\nlimit = 2\n')
    code, said, errors = command("answer", pictures, tmp_path / "out", "--config", toml, "--json")
    assert (code, errors) == (0, "")
    manifest = json.loads(said)
    assert manifest["config"]["question"] == ["What color?", "What shape?"]
    assert manifest["counts"]["rows_out"] == 4
    assert {request.prompt for batch in model.batches for request in batch} == {
        "What color?",
        "What shape?",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bathc_size = 3\n", "bathc"),
        ('batch_size = "many"\n', "many"),
        ("[columns]\nuril = 'x'\n", "uril"),
        ("style = 'baroque'\n", "baroque"),
        ("batch_size = \n", ""),
        ("temperature = -2.0\n", "temperature"),
    ],
)
def test_a_wrong_configuration_file_is_a_usage_error(
    command: Command, pictures: Path, tmp_path: Path, text: str, said: str
) -> None:
    toml = write(tmp_path / "c.toml", text)
    code, out, errors = command("caption", pictures, tmp_path / "out", "--config", toml)
    assert (code, out) == (2, "")
    assert said in errors
    assert errors.startswith("calumma: ")
    assert "Traceback" not in errors


def test_a_table_that_is_named_like_a_command_is_not_left_out_in_silence(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    toml = write(tmp_path / "c.toml", "[caption]\nlimit = 2\n")
    code, said, _ = command("caption", pictures, tmp_path / "out", "--config", toml, "--json")
    assert code == 2 or json.loads(said)["counts"]["rows_out"] == 2


def test_a_variable_of_the_shell_that_is_not_set_is_no_folder(
    command: Command,
    pictures: Path,
    tmp_path: Path,
    model: FakeDescriber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("caption", pictures, "", "--json")[0] == 2


def test_a_question_without_text_is_refused(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    assert command("answer", pictures, tmp_path / "out", "--question", " ", "--json")[0] == 2


def test_results_are_on_standard_output_and_progress_is_not(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    code, said, errors = command("caption", pictures, tmp_path / "out")
    assert code == 0
    assert "10 rows in = 10 out + 0 failed + 0 skipped" in said
    assert re.match(r"Run \d{8}-\d{6}-\w{6}\n", errors)
    code, said, _ = command("caption", pictures, tmp_path / "out")
    assert said.startswith("Nothing new: all 10 rows are known.")


def test_runs_of_an_output_are_listed_and_shown(
    command: Command, pictures: Path, tmp_path: Path, model: FakeDescriber
) -> None:
    run_id = caption(command, pictures, tmp_path / "out")["run_id"]
    code, said, _ = command("runs", tmp_path / "out")
    assert code == 0
    assert run_id in said
    code, said, _ = command("runs", tmp_path / "out", run_id)
    assert code == 0
    assert run_id in said
    code, _, errors = command("runs", tmp_path / "out", "20000101-000000-aaaaaa")
    assert code in {1, 2}
    assert errors.startswith("calumma: ")


def test_an_output_that_is_not_there_is_told_in_a_sentence(
    command: Command, tmp_path: Path
) -> None:
    for name in ("runs", "report", "latest", "compact", "watch"):
        code, out, errors = command(name, tmp_path / "nowhere")
        assert code in {1, 2}
        assert out == ""
        assert errors.startswith("calumma: ")
        assert len(errors.splitlines()) == 1
