"""The command that makes safetensors of a pickle checkpoint."""

from pathlib import Path

from pipelines.run_job import tell


def convert(checkpoint: Path, out: Path) -> int:
    """Write the weights of a pickle checkpoint as safetensors; code in it is not run.

    Examples:
    calumma convert vqgan.ckpt my-chameleon/vq_decoder.safetensors

    Parameters
    ----------
    checkpoint
        A file that torch.save wrote: .pt, .pth, .ckpt or .bin.
    out
        The file to write; its name ends in .safetensors.
    """
    # Imports torch, which help must not wait for.
    from models.convert import convert_checkpoint

    converted = convert_checkpoint(checkpoint, out)
    tell(f"Wrote {converted.path}: {converted.count} tensors, {converted.size / 1e6:.1f} MB.")
    for what, count in sorted(converted.dropped.items()):
        tell(f"Dropped: {what}{f' ({count})' if count > 1 else ''}.")
    return 0
