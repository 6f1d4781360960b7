"""Connected components as a textbook finds them: breadth first, from each node in turn."""

from collections import deque
from collections.abc import Iterable


def components(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """For each node the smallest node that it hangs together with."""
    beside: dict[int, list[int]] = {node: [] for node in range(count)}
    for one, other in edges:
        beside[one].append(other)
        beside[other].append(one)
    found = [-1] * count
    for start in range(count):
        if found[start] >= 0:
            continue
        found[start] = start
        waiting = deque([start])
        while waiting:
            for node in beside[waiting.popleft()]:
                if found[node] < 0:
                    found[node] = start
                    waiting.append(node)
    return found
