"""The states of all random number generators, as tensors, so that they can be kept."""

import random

import numpy as np
import torch


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of Python's, NumPy's and torch's generators of this process."""
    version, numbers, gauss = random.getstate()
    assert version == 3
    _, keys, place, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    states = {
        "python": torch.tensor(numbers, dtype=torch.int64),
        # Half of a pair of normal deviates may be left over.
        "python_gauss": torch.tensor([] if gauss is None else [gauss], dtype=torch.float64),
        "numpy": torch.from_numpy(np.asarray(keys, np.int64)),
        "numpy_place": torch.tensor([place, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor([cached], dtype=torch.float64),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_states(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put all generators back to where they were."""
    gauss = states["python_gauss"].tolist()
    random.setstate((3, tuple(states["python"].tolist()), gauss[0] if gauss else None))
    place, has_gauss = states["numpy_place"].tolist()
    keys = states["numpy"].numpy().astype(np.uint32)
    cached = states["numpy_gauss"].item()
    np.random.set_state(("MT19937", keys, place, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
