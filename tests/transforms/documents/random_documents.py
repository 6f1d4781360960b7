"""Random documents, and the check that spans were cut out of them as they should be."""

import itertools
from random import Random

import numpy as np

from tests.oracles import cm3
from transforms.documents.masking import (
    MOST_SPANS,
    Sentinels,
    cut_out,
    draw_span_count,
    draw_spans,
    put_back,
)
from transforms.documents.segment import Kind, Segment

MASKS = tuple(range(900, 900 + MOST_SPANS))
INFILL = 999
SENTINELS = Sentinels(
    masks=tuple((mask, f"<mask:{mask - 900}>") for mask in MASKS), infill=(INFILL, "<infill>")
)
_WEIGHTS = (1.0, 0.1, 0.0)


def random_segments(random: Random) -> list[Segment]:
    """A document of texts, pictures with their marks, and separators; some segments are empty."""
    segments: list[Segment] = [segment(random, "mark", 1)]
    for _ in range(random.randrange(1, 6)):
        if random.random() < 0.5:
            segments += [
                segment(random, "text", random.randrange(12)) for _ in range(random.randrange(1, 4))
            ]
            if random.random() < 0.5:
                segments.append(segment(random, "mark", 1))
        else:
            segments += [
                segment(random, "mark", 1),
                segment(random, "image", random.choice((4, 9, 16))),
                segment(random, "mark", 1),
            ]
    return segments


def segment(random: Random, kind: Kind, length: int) -> Segment:
    whole = "".join(random.choices("abc ", k=length))
    return Segment(
        kind=kind,
        tokens=np.array(random.choices(range(800), k=length), np.int32),
        weight=random.choice(_WEIGHTS),
        asset_id=f"asset{random.randrange(9)}",
        field="text",
        cuts=range(length + 1) if kind == "text" else (),
        whole=whole if kind == "text" else "",
    )


def tokens_of(segments: list[Segment]) -> list[int]:
    return [token for one in segments for token in one.tokens.tolist()]


def weights_of(segments: list[Segment]) -> list[float]:
    return [one.weight for one in segments for _ in one.tokens]


def check_masking(seed: int) -> None:
    """Draw a document and spans, cut them out, and hold the result against the oracle."""
    random = Random(seed)
    segments = random_segments(random)
    tokens, weights = tokens_of(segments), weights_of(segments)
    kinds = "".join(one.kind[0] for one in segments for _ in one.tokens)
    spans = draw_spans(segments, draw_span_count(random, MOST_SPANS), random)
    assert 0 <= len(spans) <= MOST_SPANS
    assert spans or not set(kinds) & set("ti")
    for low, high in spans:
        # One kind of tokens; two pictures always have a mark between them.
        assert low < high
        assert kinds[low:high] in {"t" * (high - low), "i" * (high - low)}
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    masked = cut_out(segments, spans, SENTINELS)
    expected = cm3.mask(tokens, weights, spans, MASKS, INFILL)
    assert tokens_of(masked) == expected.tokens
    assert weights_of(masked) == expected.weights
    assert cm3.unmask(tokens_of(masked), MASKS, INFILL) == tokens
    assert tokens_of(put_back(masked)) == tokens
    # Each token knows where in its asset it is from, and what it says.
    told = sorted(
        (id(one.whole), one.asset_id, one.field_start + at, token)
        for one in masked
        if one.kind != "sentinel"
        for at, token in enumerate(one.tokens.tolist())
    )
    assert told == sorted(
        (id(one.whole), one.asset_id, at, token)
        for one in segments
        for at, token in enumerate(one.tokens.tolist())
    )
    assert "".join(one.text for one in put_back(masked)) == "".join(one.text for one in segments)
