"""What loading any checkpoint of transformers takes: device, number format, no guesswork."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from models.source import ModelSource
from schemas.errors import ModelError

# What transformers raises for checkpoints that are damaged, incomplete or of another kind.
_LOADING_ERRORS = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    ImportError,
    AttributeError,
    TypeError,
    SafetensorError,
)


def pick_device(name: str | None) -> torch.device:
    """The device of a name; None takes CUDA, else MPS, else the CPU.

    Raises:
        ModelError: it cannot be used.

    """
    if name is None:
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"The device {name!r} cannot be used: {reason}") from error
    return device


def pick_dtype(name: str | None, device: torch.device) -> torch.dtype:
    """The number format of a name; None takes bfloat16 on an accelerator, else float32.

    Raises:
        ModelError: it is none that models run in.

    """
    if name is None:
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    dtype = getattr(torch, name, None)
    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ModelError(f"The dtype {name!r} is none of float32, bfloat16 and float16.")
    assert isinstance(dtype, torch.dtype)
    return dtype


def check_weights(source: ModelSource, info: Mapping[str, Any]) -> None:
    """Refuse weights that the library would have made up, or left out.

    Args:
        info: what ``from_pretrained`` tells of its loading.

    Raises:
        ModelError: weights are missing, or of another shape than the configuration says.

    """
    mismatched = sorted(info["mismatched_keys"])
    if mismatched:
        name, found, expected = mismatched[0]
        raise ModelError(
            f"The weights of the model {source.name} do not fit its config.json: {name} has the "
            f"shape {tuple(found)} and should have {tuple(expected)}, as one of "
            f"{len(mismatched)}. Get the config.json that was saved with the weights."
        )
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(
            f"The model {source.name} lacks {len(missing)} of its weights (such as {missing[0]}), "
            "which would be random numbers. Get the complete checkpoint."
        )


@contextmanager
def quiet_library() -> Iterator[None]:
    """No progress bars, and no reports of what becomes an error with one line of text here."""
    shown = transformers_logging.is_progress_bar_enabled()
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def loading(source: ModelSource) -> Iterator[None]:
    """Load a model's parts, quietly.

    Raises:
        ModelError: the library cannot, for the first line of its reason.

    """
    try:
        with quiet_library():
            yield
    except _LOADING_ERRORS as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"The model {source.name} cannot be loaded: {reason}") from error
