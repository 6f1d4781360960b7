"""Naming models: folders, their digests, and what is refused."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from models.source import (
    DEFAULT_MODEL,
    EMBEDDED_FOLDER,
    ModelSource,
    check_source_here,
    is_embedded,
    resolve_model,
)
from schemas.errors import ModelError

_MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model, with weights of zeros that take no room on the disk."""
    model = tmp_path / "mine"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llava"}')
    (model / "preprocessor_config.json").write_text("{}")
    (model / "model.safetensors").touch()
    os.truncate(model / "model.safetensors", 100 * _MIB)
    return model


def test_the_embedded_model_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where a folder of that name happens to be about.
    (tmp_path / DEFAULT_MODEL).mkdir()
    monkeypatch.chdir(tmp_path)
    source = resolve_model(DEFAULT_MODEL)
    assert source.name == DEFAULT_MODEL
    assert source.folder == EMBEDDED_FOLDER
    assert source.model_type == "chameleon"
    assert not source.trust_remote_code
    assert is_embedded(source)


def test_a_copy_of_the_embedded_model_is_not_embedded_but_has_its_revision(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(EMBEDDED_FOLDER, tmp_path / "copy"))
    (copy / "README.md").write_text("other words")
    source = resolve_model(str(copy))
    assert not is_embedded(source)
    assert source.name == "copy"
    assert source.revision == resolve_model(DEFAULT_MODEL).revision


def test_a_folder_is_named_and_digested(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    source = resolve_model("mine", trust_remote_code=True)
    assert (source.name, source.location) == ("mine", str(folder))
    assert source.model_type == "llava"
    assert source.trust_remote_code
    algorithm, _, digits = source.revision.partition(":")
    assert algorithm == "sha256"
    assert len(digits) == 16
    assert int(digits, 16) >= 0
    assert resolve_model(str(folder)).revision == source.revision


@pytest.mark.parametrize("offset", [0, _MIB - 1, 99 * _MIB, 100 * _MIB - 1])
def test_the_digest_tells_weights_apart(folder: Path, offset: int) -> None:
    before = resolve_model(str(folder)).revision
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(offset)
        file.write(b"\x01")
    assert resolve_model(str(folder)).revision != before


def test_the_digest_tells_weights_apart_that_differ_all_over_but_at_the_ends(folder: Path) -> None:
    before = resolve_model(str(folder)).revision
    with (folder / "model.safetensors").open("r+b") as file:
        for offset in range(2 * _MIB, 98 * _MIB, 4096):
            file.seek(offset)
            file.write(b"\x01")
    assert resolve_model(str(folder)).revision != before


def test_the_digest_tells_sizes_apart(folder: Path) -> None:
    before = resolve_model(str(folder)).revision
    os.truncate(folder / "model.safetensors", 101 * _MIB)
    assert resolve_model(str(folder)).revision != before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja"])
def test_the_digest_takes_the_other_files_in_full(folder: Path, name: str) -> None:
    (folder / name).write_text(json.dumps({"model_type": "llava", "x": "a" * 3 * _MIB + "b"}))
    before = resolve_model(str(folder)).revision
    (folder / name).write_text(json.dumps({"model_type": "llava", "x": "a" * 3 * _MIB + "c"}))
    assert resolve_model(str(folder)).revision != before


def test_prompts_are_no_part_of_the_digest(folder: Path) -> None:
    before = resolve_model(str(folder)).revision
    (folder / "calumma.json").write_text('{"prompts": {"short_caption": "what is it"}}')
    assert resolve_model(str(folder)).revision == before


def test_a_large_checkpoint_is_not_read_in_full(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 64 << 30)
    code = (
        "import sys; from models.source import resolve_model;"
        "resolve_model(sys.argv[1]);"
        "print(open('/proc/self/io').read())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], check=True, capture_output=True, text=True
    )
    read = dict(line.split(": ") for line in run.stdout.splitlines() if line)
    # 18 blocks of a MiB, and the modules that Python itself reads.
    assert int(read["rchar"]) < 64 * _MIB


def test_naming_a_model_imports_nothing_heavy() -> None:
    code = (
        "import sys; from models.source import resolve_model;"
        "from models.prompts import prompts_for;"
        "from models.wanted_pixels import wanted_pixels; import models.describing;"
        "source = resolve_model('calumma-tiny'); prompts_for(source); wanted_pixels(source);"
        "print([name for name in ('torch', 'transformers', 'huggingface_hub', 'numpy', 'PIL')"
        " if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_a_folder_without_a_configuration_is_no_model(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json.*save_pretrained"):
        resolve_model(str(folder))


def test_a_configuration_without_an_architecture_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="model_type"):
        resolve_model(str(folder))


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_configuration_that_is_no_json_object_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json.*JSON"):
        resolve_model(str(folder))


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        resolve_model(str(folder))


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        resolve_model(str(folder))


def test_a_folder_without_a_processor_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="no processor"):
        resolve_model(str(folder))


def test_a_folder_has_no_revisions(folder: Path) -> None:
    with pytest.raises(ModelError, match="'main'"):
        resolve_model(str(folder), "main")


@pytest.mark.parametrize(
    "model_type",
    ["blip", "git", "kosmos-2", "kosmos-2.5", "pix2struct", "udop", "vision-encoder-decoder"],
)
def test_types_that_take_no_prompt_are_refused(folder: Path, model_type: str) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(ModelError, match=f"of type {re.escape(model_type)}.*Use a model with"):
        resolve_model(str(folder))


@pytest.mark.parametrize("alone", [True, False])
def test_an_adapter_is_refused(folder: Path, alone: bool) -> None:
    (folder / "adapter_config.json").write_text("{}")
    if alone:
        (folder / "config.json").unlink()
    with pytest.raises(ModelError, match="Merge the adapter into that model first"):
        resolve_model(str(folder))


def test_a_folder_of_the_embedded_model_s_name_is_not_the_embedded_model(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(EMBEDDED_FOLDER, tmp_path / DEFAULT_MODEL))
    source = resolve_model(str(folder))
    assert not is_embedded(source)
    assert source.folder == folder


def test_a_folder_that_each_machine_has_serves(folder: Path) -> None:
    source = resolve_model(str(folder))
    check_source_here(source)
    # Prompts may differ, for they came with the run.
    (folder / "calumma.json").write_text("{}")
    check_source_here(source)


def test_a_model_that_is_in_no_folder_serves_everywhere() -> None:
    check_source_here(resolve_model(DEFAULT_MODEL))
    check_source_here(
        ModelSource(name="org/model", location="org/model", revision="0a1b", model_type="llava")
    )


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "a file"])
def test_a_folder_that_only_the_launchers_machine_has_is_told(folder: Path, left: str) -> None:
    source = resolve_model(str(folder))
    shutil.rmtree(folder)
    if left == "an empty folder":
        folder.mkdir()
    elif left == "a file":
        folder.write_text("no folder")
    here = re.escape(f"There is no model in {folder} on {socket.gethostname()}. Put it where each")
    with pytest.raises(ModelError, match=here):
        check_source_here(source)


def test_a_folder_that_holds_another_model_is_told(folder: Path) -> None:
    source = resolve_model(str(folder))
    (folder / "tokenizer.json").write_text("{}")
    other = resolve_model(str(folder)).revision
    with pytest.raises(ModelError, match=f"holds another model .{other}.*{source.revision}"):
        check_source_here(source)
