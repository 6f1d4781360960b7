"""Rows of pictures that were drawn, as tests need them."""

import functools
import io
from dataclasses import replace

import numpy as np
from PIL import Image

from schemas.generated_image import GeneratedImage


@functools.cache
def a_picture(seed: int, side: int = 16, file_format: str = "png") -> bytes:
    """A small picture of four flat squares."""
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    sink = io.BytesIO()
    whole = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
    whole.save(sink, file_format)
    return sink.getvalue()


def generated(asset_id: str, number: int = 0, **changes: object) -> GeneratedImage:
    """One sample of a request."""
    row = GeneratedImage(
        key=f"{number:032x}",
        asset_id=asset_id,
        sample_number=number,
        rank=number + 1,
        score=None,
        text=f"a picture of {asset_id}",
        prompt=f"draw a picture of {asset_id}",
        seed=7,
        image=a_picture(number),
        media_type="image/png",
        height=16,
        width=16,
        codes=np.arange(4, dtype=np.int32),
        codes_height=2,
        codes_width=2,
        tokenizer_hash="sha256:0",
        mean_logprob=-1.5,
        contrasted=False,
        settings='{"guidance": 3.0}',
        neighbors=(),
        uri="",
        sha256="",
        license="",
        source="",
        shown=(),
        shown_sha256=(),
        shown_licenses=(),
        model="calumma-tiny",
        revision="r1",
        attributes="{}",
    )
    return replace(row, **changes)  # type: ignore[arg-type]
