"""The images' recipes: sound, of the versions that are pinned, and alike but for CUDA."""

import difflib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "runners" / "dataflow"
RECIPES = (FOLDER / "Dockerfile", FOLDER / "Dockerfile.cuda")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_hadolint_finds_nothing(recipe: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, recipe], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_whole_package_is_copied(recipe: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", recipe.read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert set(included) <= sources
    for source in sources - {"${MODEL}"}:
        assert (ROOT / source).exists(), source
    (nothing,) = re.findall(r"^ARG MODEL=(.+)$", recipe.read_text(), re.MULTILINE)
    assert [path.name for path in (ROOT / nothing).iterdir()] == ["README.md"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_beam_is_the_one_that_launches(recipe: Path) -> None:
    pinned = re.search(r"^apache-beam==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"FROM apache/beam_python${{PYTHON}}_sdk:{pinned[1]}\n" in recipe.read_text()


def test_the_recipes_differ_in_cuda_alone() -> None:
    cpu, cuda = (recipe.read_text().splitlines() for recipe in RECIPES)
    changed = [line for line in difflib.ndiff(cpu, cuda) if line[0] in "+-"]
    differing = {line[2:].strip() for line in changed if not line[2:].startswith("#")}
    assert differing == {
        "",
        "ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib64 \\",
        "NVIDIA_VISIBLE_DEVICES=all \\",
        "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        "--extra-index-url https://download.pytorch.org/whl/cpu \\",
    }
