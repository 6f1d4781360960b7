"""Bounds that benches hold their figures to."""

import math


def held(told: str, value: float, *, least: float = -math.inf, most: float = math.inf) -> bool:
    """Print a figure with its bound; give whether it is held.

    Args:
        told: the figure, in words.
        value: the figure itself; NaN holds to nothing.
        least: bound from below, or ``most`` from above: one of the two.

    """
    holds = bool(least <= value <= most)
    bound = f"at most {most:g}" if math.isinf(least) else f"at least {least:g}"
    print(f"{told}, held to {bound}{'' if holds else ': NOT HELD'}", flush=True)
    return holds
