"""Telling memory that ran out, and a device that failed, from other errors. Imports no torch."""

import gc
import sys

_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    # Where the libraries of CUDA allocate by themselves.
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
_DEVICE_LOST = ("cuda error:", "hip error:")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a model ran out of memory, on an accelerator or on the machine."""
    if isinstance(error, MemoryError):
        return True
    # CUDA has a class of its own for it; MPS and the CPU's allocator raise plain RuntimeErrors.
    if type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(message in text for message in _OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether an accelerator failed, so that whatever this process asks of it next fails too.

    An illegal access or a failed assertion in a kernel destroys CUDA's context: it is reported
    again by every later call, whatever row that is for.
    """
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    text = str(error).lower()
    return type(error).__name__ == "AcceleratorError" or any(
        message in text for message in _DEVICE_LOST
    )


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
