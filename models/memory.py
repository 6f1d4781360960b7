"""Running out of memory: telling it from other errors, and giving back what can be given."""

import gc
import sys

_MESSAGES = ("out of memory", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a model ran out of memory, on an accelerator or on the machine."""
    if isinstance(error, MemoryError):
        return True
    # CUDA has a class of its own for it; MPS and the CPU's allocator raise plain RuntimeErrors.
    if type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(message in text for message in _MESSAGES)


def free_memory() -> None:
    """Give cached memory back to the device; to be called when a failed batch is let go."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
