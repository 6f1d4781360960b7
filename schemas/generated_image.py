"""A picture that a model drew."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Int32Vector, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeneratedImage:
    """One sample of one request."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the request, or of the asset that is edited"]
    sample_number: Annotated[int, "which sample of the request, from 0"]
    rank: Annotated[int, "place among the request's samples, from 1: by score, else by number"]
    score: Annotated[float | None, "how well the picture fits the text; null where none is asked"]
    text: Annotated[str, "what is asked, as the catalog or the command has it"]
    prompt: Annotated[
        str, "what the model was given: the text in its template; <break> where a picture stood"
    ]
    seed: Annotated[Int64, "of the request; the sample's own follows from it and its number"]
    image: Annotated[bytes, "the picture, encoded"]
    media_type: Annotated[str, "how it is encoded: image/png or image/webp, without loss"]
    height: Annotated[int, "its height in pixels"]
    width: Annotated[int, "its width in pixels"]
    codes: Annotated[Int32Vector, "indices in the codebook, row by row"]
    codes_height: Annotated[int, "rows of the grid of codes"]
    codes_width: Annotated[int, "columns of the grid of codes"]
    tokenizer_hash: Annotated[str, "of what makes codes of pixels and pixels of codes"]
    mean_logprob: Annotated[
        float, "mean natural logarithm of the codes' probabilities, before guidance and filters"
    ]
    contrasted: Annotated[bool, "whether contrastive decoding chose the codes"]
    settings: Annotated[str, "how codes were chosen, as JSON text"]
    neighbors: Annotated[
        tuple[str, ...], "ids of the documents shown before the prompt, the nearest first"
    ]
    uri: Annotated[str, "the source picture; empty without"]
    sha256: Annotated[str, "digest of its encoded bytes, 64 hexadecimal digits; empty without"]
    license: Annotated[str, "licence of the row, as the catalog has it"]
    source: Annotated[str, "source of the row, as the catalog has it"]
    shown: Annotated[
        tuple[str, ...], "uris of all pictures the model was shown: of the source, then documents"
    ]
    shown_sha256: Annotated[tuple[str, ...], "digests of their encoded bytes, in the same order"]
    shown_licenses: Annotated[
        tuple[str, ...], "their licences in the same order; empty texts where none is known"
    ]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
