"""What training needs besides, which is installed only by those who train."""

import importlib.util

from schemas.errors import UsageError

_PACKAGES = ("accelerate", "peft", "tensorboard")


def check_extra() -> None:
    """Check that the packages of the extra ``train`` are there, without importing them.

    Raises:
        UsageError: they are not.

    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Training needs {', '.join(missing)}: pip install 'calumma[train]', or "
            "pip install '.[train]' in a checkout."
        )
