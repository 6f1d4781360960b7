"""How a dual encoder is trained, as its configuration file says. Imports no torch."""

from dataclasses import dataclass, field

from schemas.errors import UsageError
from training.options import ColumnOptions, FitOptions, PictureOptions, at_least

# The bytes and the special tokens.
_LEAST_VOCABULARY = 260


@dataclass(frozen=True, kw_only=True)
class VisionOptions:
    """The part that reads pictures."""

    width: int = 128
    """Width of a layer."""
    layers: int = 4
    """Layers."""
    heads: int = 4
    """Heads of attention."""
    intermediate_size: int = 384
    """Width of the feed-forward part."""
    patch: int = 8
    """Side, in pixels, of what is one token."""

    def __post_init__(self) -> None:
        _check_tower("vision", self)
        at_least("vision.patch", self.patch, 1)


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """The part that reads texts."""

    width: int = 128
    """Width of a layer."""
    layers: int = 2
    """Layers."""
    heads: int = 4
    """Heads of attention."""
    intermediate_size: int = 256
    """Width of the feed-forward part."""
    positions: int = 32
    """Tokens of a text; longer ones are cut."""
    vocabulary: int = 4096
    """Pieces of words at most, which are found in the catalog's texts."""
    texts: int = 100_000
    """Texts that are looked at for that, from the catalog's beginning."""

    def __post_init__(self) -> None:
        _check_tower("text", self)
        at_least("text.positions", self.positions, 3)
        at_least("text.vocabulary", self.vocabulary, _LEAST_VOCABULARY)
        at_least("text.texts", self.texts, 1)


@dataclass(frozen=True, kw_only=True)
class ClipFitOptions(FitOptions):
    """With the defaults of a small dual encoder."""

    steps: int = 1300
    batch_size: int = 64
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    validate_every: int = 250


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """A training of a dual encoder."""

    catalog: str
    """Catalog of pictures with texts: a file, folder or glob."""
    out: str
    """Folder for the model, its checkpoints and logs; on this machine's disk."""
    projection: int = 64
    """Dimensions of the vectors."""
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    pictures: PictureOptions = field(default_factory=PictureOptions)
    vision: VisionOptions = field(default_factory=VisionOptions)
    text: TextOptions = field(default_factory=TextOptions)
    training: ClipFitOptions = field(default_factory=ClipFitOptions)

    def __post_init__(self) -> None:
        at_least("projection", self.projection, 1)
        if self.pictures.framing not in {"checkpoint", "squeeze"}:
            raise UsageError(
                "pictures.framing must be checkpoint or squeeze, which a dual encoder's processor "
                f"can do too, not {self.pictures.framing}."
            )
        if self.pictures.resolution % self.vision.patch:
            raise UsageError(
                f"pictures.resolution must be a multiple of vision.patch ({self.vision.patch}), "
                f"not {self.pictures.resolution}."
            )


def _check_tower(part: str, options: VisionOptions | TextOptions) -> None:
    for name in ("width", "layers", "heads", "intermediate_size"):
        at_least(f"{part}.{name}", getattr(options, name), 1)
    # Places are told by sines and cosines of rows and columns.
    if options.width % 4 or options.width % options.heads:
        raise UsageError(
            f"{part}.width must be a multiple of 4 and of {part}.heads ({options.heads}), not "
            f"{options.width}."
        )
