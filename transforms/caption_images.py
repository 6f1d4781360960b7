"""Captioning in a pipeline of one's own."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from apache_beam.pvalue import PCollection

from models.describing import DecodingSettings
from models.prompts import prompts_for
from schemas.description import Caption
from schemas.errors import UsageError
from schemas.failure import Failure
from transforms.catalog_picture import CatalogPicture
from transforms.describe_images import DescribeImages

Style = Literal["short", "long"]


class CaptionedImages(NamedTuple):
    """What captioning gives: each picture is in one of the two, once."""

    captions: PCollection[Caption]
    failures: PCollection[Failure]


@dataclass(kw_only=True, eq=False)
class CaptionImages(DescribeImages[CaptionedImages]):
    """Caption pictures; one that cannot be is a failure and takes no other along.

    Attributes:
        style: length of the captions, where no ``prompt`` is given.

    The others are those of :class:`DescribeImages`.

    Raises:
        UsageError: a setting is out of range; raised when the transform is made.
        ModelError: the model's prompts cannot be read; raised when it is applied.

    """

    style: Style = "short"
    decoding: DecodingSettings = field(default_factory=lambda: DecodingSettings(max_new_tokens=64))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.style not in get_args(Style):
            raise UsageError(f"style must be short or long, not {self.style!r}.")

    # Quoted: Beam would take the class for the type of one collection's elements.
    def expand(self, pictures: PCollection[CatalogPicture]) -> "CaptionedImages":
        """Ask for a caption of each picture."""
        prompt = self.prompt
        if prompt is None:
            prompt = prompts_for(self.model).caption(self.style)
        return CaptionedImages(*self._describe(pictures, Caption, prompt))
