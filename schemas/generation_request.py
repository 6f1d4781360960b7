"""What a row asks of a model that makes images."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where something is to be drawn: pixels of the picture to be made, from its top left corner.

    Attributes:
        label: what is to be there.
        right: beyond the last column; ``bottom`` beyond the last row.

    """

    label: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDocument:
    """A picture with its text, or one of them, that is shown before the prompt.

    Attributes:
        document_id: its name; empty where it has none.
        uri: of its picture, as the row has it; empty without.
        license: of both; empty where it is not known.

    """

    document_id: str
    uri: str
    text: str
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One row of requests, whatever the number of its samples.

    Attributes:
        text: what is asked.
        prompt: what the model is given of it: the text in its template.
        seed: of the samples, 0 to 2**63 - 1; None where the row's key gives it.
        size: height and width in pixels of the picture to be made; None for the model's own.
        images: uris of further source pictures, beside the row's own.
        boxes: what is to be drawn where.
        structure: uri of a picture whose structure the new one is to have; empty without.
        feature: what of a picture that shows: edges, say; empty without.
        lead: what the model is told before that picture; empty without.
        mask: left, top, right and bottom of the part of the row's own picture that is to be drawn
            anew, in pixels of the picture to be made; None to draw all.
        documents: shown before, the nearest first.

    """

    text: str
    prompt: str
    seed: int | None = None
    size: tuple[int, int] | None = None
    images: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    structure: str = ""
    feature: str = ""
    lead: str = ""
    mask: tuple[int, int, int, int] | None = None
    documents: tuple[ShownDocument, ...] = ()

    @property
    def told(self) -> str:
        """The words of the row itself that the model is given: ``<break>`` for the structure."""
        return f"{self.lead} <break> {self.prompt}" if self.lead else self.prompt
