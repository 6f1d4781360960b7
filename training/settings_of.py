"""What options of a configuration file are to the parts that work by them."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from storage.catalog.columns import ColumnNames
from training.loop import LoopSettings
from training.options import ColumnOptions, FitOptions, PictureOptions
from training.picture_frames import Augmentation, Framer
from training.picture_stream import StreamSettings


def stream_settings(
    catalog: str, columns: ColumnOptions, pictures: PictureOptions, seed: int
) -> StreamSettings:
    """What is read, as the stream takes it."""
    return StreamSettings(
        catalog=catalog,
        columns=ColumnNames(**asdict(columns)),
        framer=Framer(
            side=pictures.resolution, rule=pictures.framing, smallest_crop=pictures.smallest_crop
        ),
        augmentation=Augmentation(mirror=pictures.mirror, shift=pictures.shift),
        held_out=pictures.held_out,
        memory=pictures.memory_mib << 20,
        seed=seed,
        max_failure_rate=pictures.max_failure_rate,
    )


def loop_settings(options: FitOptions) -> LoopSettings:
    """How it is trained, as the loop takes it."""
    values = asdict(options)
    del values["batch_size"]
    return LoopSettings(**values)


def identity_of(config: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """All of a configuration that determines what is learnt, by dotted names.

    Args:
        config: a dataclass of dataclasses, with options of training.
        without: parts that do not.

    """
    values = asdict(config)
    for name in ("out", *without):
        del values[name]
    for name in ("save_every", "validate_every", "log_every"):
        del values["training"][name]
    return {
        f"{part}.{name}" if isinstance(value, dict) else part: one
        for part, value in values.items()
        for name, one in (value.items() if isinstance(value, dict) else ((part, value),))
    }
