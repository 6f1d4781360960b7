"""How the pictures of a catalog are loaded. Plain values only: workers get them pickled."""

from dataclasses import dataclass, field
from typing import Literal

from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How pictures are loaded.

    Attributes:
        pictures: whether rows need one; ``if any`` takes a row that names none too, ``if at hand``
            one whose picture cannot be had as well, and ``none`` loads none.
        wanted_pixels: length of the shorter side that the model makes use of; None for all.
        fetch_threads: pictures fetched at the same time by one worker.
        decode_helpers: decoding processes of one worker; None for one a core, eight at
            most.

    """

    policy: FetchPolicy
    pictures: Literal["needed", "if any", "if at hand", "none"] = "needed"
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    wanted_pixels: int | None = None
    fetch_threads: int = 16
    decode_helpers: int | None = None
