"""How a tokenizer is trained, as its configuration file says. Imports no torch."""

from dataclasses import dataclass, field

from schemas.errors import UsageError
from training.options import ColumnOptions, FitOptions, PictureOptions, at_least, between

_GROUPS = 32
"""The layers normalise channels in so many groups."""


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """The encoder, of the layout of transformers' ``ChameleonVQVAE``."""

    base_channels: int = 32
    """Channels at full resolution."""
    channel_multiplier: tuple[int, ...] = (1, 2, 2, 4)
    """Times these at each resolution, each half of the one before."""
    residual_blocks: int = 1
    """Residual blocks at each resolution."""
    latent_channels: int = 64
    """Channels of what it gives."""
    attention: tuple[int, ...] = ()
    """Resolutions at which it attends, beside the last one, where it always does."""

    def __post_init__(self) -> None:
        _multiple_of_groups("encoder.base_channels", self.base_channels)
        at_least("encoder.latent_channels", self.latent_channels, 1)
        at_least("encoder.residual_blocks", self.residual_blocks, 0)
        if not self.channel_multiplier or min(self.channel_multiplier) < 1:
            raise UsageError("encoder.channel_multiplier must be whole numbers from 1 on.")
        if not self.residual_blocks and set(self.channel_multiplier) != {1}:
            raise UsageError(
                "An encoder without residual_blocks cannot change its width: its "
                "channel_multiplier must be 1 everywhere."
            )

    @property
    def doublings(self) -> int:
        """How often a picture's sides are halved."""
        return len(self.channel_multiplier) - 1


@dataclass(frozen=True, kw_only=True)
class CodebookOptions:
    """The codebook and how it learns."""

    size: int = 512
    """How many codes."""
    dimensions: int = 16
    """Dimensions of a code."""
    decay: float = 0.98
    """What is left of a code's moving average after one step."""
    warmup_steps: int = 40
    """Steps before it is begun, in which the decoder sees vectors as they are."""
    start_vectors: int = 64
    """Begin with the clusters of so many vectors for each code."""
    restart_after: int = 60
    """Put a code elsewhere that nothing used for so many steps."""
    restart_until: float = 0.8
    """Not any more behind this share of all steps."""

    def __post_init__(self) -> None:
        at_least("codebook.size", self.size, 2)
        at_least("codebook.dimensions", self.dimensions, 1)
        at_least("codebook.warmup_steps", self.warmup_steps, 1)
        at_least("codebook.start_vectors", self.start_vectors, 1)
        at_least("codebook.restart_after", self.restart_after, 1)
        between("codebook.decay", self.decay, 0, 1)
        between("codebook.restart_until", self.restart_until, 0, 1)


@dataclass(frozen=True, kw_only=True)
class DecoderOptions:
    """The decoder; its last doublings may be one pixel shuffle."""

    channels: tuple[int, ...] = (128, 128, 64)
    """Channels at each resolution, from that of the codes on."""
    residual_blocks: int = 2
    """Residual blocks at each resolution."""
    pixel_shuffle: int = 2
    """Side, in pixels, of the square that one place of the last resolution becomes."""

    def __post_init__(self) -> None:
        if not self.channels:
            raise UsageError("decoder.channels must name a width.")
        for channels in self.channels:
            _multiple_of_groups("decoder.channels", channels)
        at_least("decoder.residual_blocks", self.residual_blocks, 1)
        if self.pixel_shuffle not in {1, 2, 4, 8, 16}:
            raise UsageError(
                f"decoder.pixel_shuffle must be 1, 2, 4, 8 or 16, not {self.pixel_shuffle}."
            )

    @property
    def doublings(self) -> int:
        """How often the sides of a grid of codes are doubled."""
        return len(self.channels) - 1 + self.pixel_shuffle.bit_length() - 1


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """What counts how much."""

    absolute: float = 1.0
    """Weight of the mean absolute error."""
    squared: float = 2.0
    """Weight of the mean squared error."""
    edges: float = 2.0
    """Weight of the mean absolute value of the error's gradient."""
    commitment: float = 0.25
    """Weight of the squared distance of what is encoded from its code."""
    foreground: float = 3.0
    """Weight of a pixel unlike the median of its picture's border; 1 for none."""
    foreground_levels: float = 4.0
    """A pixel is unlike it if a channel differs by more than this, of 255."""

    def __post_init__(self) -> None:
        for name in ("absolute", "squared", "edges", "commitment"):
            at_least(f"loss.{name}", getattr(self, name), 0)
        at_least("loss.foreground", self.foreground, 1)
        if not (self.absolute or self.squared):
            raise UsageError("loss.absolute or loss.squared must be above 0.")


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """A training of a tokenizer."""

    catalog: str
    """Catalog of pictures: a file, folder or glob."""
    out: str
    """Folder for the model, its checkpoints and logs; on this machine's disk."""
    base: str = "calumma-tiny"
    """Chameleon checkpoint whose text tokens and prompts are taken over."""
    context: int | None = None
    """Positions of a language model to be trained with it; by default as many as the base has."""
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    pictures: PictureOptions = field(default_factory=PictureOptions)
    encoder: EncoderOptions = field(default_factory=EncoderOptions)
    codebook: CodebookOptions = field(default_factory=CodebookOptions)
    decoder: DecoderOptions = field(default_factory=DecoderOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    training: FitOptions = field(default_factory=FitOptions)

    def __post_init__(self) -> None:
        if self.decoder.doublings != self.encoder.doublings:
            raise UsageError(
                f"The encoder halves a picture's sides {self.encoder.doublings} times, and the "
                f"decoder doubles them {self.decoder.doublings} times: one width of "
                "decoder.channels less than doublings, and one for each doubling of pixel_shuffle."
            )
        if self.pictures.framing == "squeeze":
            raise UsageError(
                "pictures.framing must be checkpoint, letterbox or crop, as of calumma tokenize."
            )
        code = 2**self.encoder.doublings
        if self.pictures.resolution % code:
            raise UsageError(
                f"pictures.resolution must be a multiple of {code} pixels, the side of a code, not "
                f"{self.pictures.resolution}."
            )
        if self.codebook.warmup_steps >= self.training.steps:
            raise UsageError(
                f"codebook.warmup_steps ({self.codebook.warmup_steps}) must be less than "
                f"training.steps ({self.training.steps}), or nothing learns with codes."
            )


def _multiple_of_groups(name: str, channels: int) -> None:
    """Refuse a width that cannot be normalised in groups.

    Raises:
        UsageError: it is no positive multiple of 32.

    """
    if channels < _GROUPS or channels % _GROUPS:
        raise UsageError(f"{name} must be a multiple of {_GROUPS}, not {channels}.")
