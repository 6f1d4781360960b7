import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import calumma


def test_every_exported_name_is_there_and_no_other() -> None:
    assert sorted(calumma._HOMES) == calumma.__all__
    for name in calumma.__all__:
        assert getattr(calumma, name).__name__ == name


def test_import_brings_neither_beam_nor_torch() -> None:
    code = "import sys, calumma, pipelines.cli; print({'torch', 'apache_beam'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_package_of_the_user_that_hides_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    code = "import calumma; calumma.resolve_model"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "hidden by another of that name" in done.stderr
    assert str(tmp_path) in done.stderr


def test_top_level_names_are_ours_alone() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in ("schemas", "storage", "models", "transforms", "pipelines", "reports", "runners"):
        assert set(owners.get(name, ["calumma"])) == {"calumma"}
