"""How the CM3Leon paper (arXiv 2309.02591, section 2.1) drops a part of a query, written plainly.

The chance of each thing that may be left, by going through all of them: no draw and no seed.
"""

import itertools
import math
from collections import defaultdict
from fractions import Fraction


def chances_of_what_is_left(
    tokens: tuple[str, ...], share: Fraction
) -> dict[tuple[str, ...], Fraction]:
    """What may be left of a query, and how likely it is.

    The share of the tokens is dropped: where that is no whole number, the next lower or the next
    higher, such that the share holds on average. Any tokens go as likely as any others, those that
    are left keep their order, and one is always left.
    """
    wanted = share * len(tokens)
    lower = math.floor(wanted)
    numbers = {lower: 1 - (wanted - lower), lower + 1: wanted - lower}
    chances: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for number, chance in numbers.items():
        if not chance:
            continue
        left = max(len(tokens) - number, 1)
        ways = list(itertools.combinations(tokens, left))
        for way in ways:
            chances[way] += chance / len(ways)
    return dict(chances)
