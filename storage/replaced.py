"""Files that were written anew: which stand in the place of which.

Manifests are receipts and stay as they were written. What ``compact`` and ``forget`` put in the
place of a run's files, their own manifests tell, and readers of manifests see the files that are
there now. So one manifest that appears changes what all tables are made of at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from schemas.manifest import Replacement, RunManifest

COMPACT, FORGET = "compact", "forget"
CARE = (COMPACT, FORGET)
"""The commands that write files anew: their runs have no rows of their own."""


def run_of(path: str) -> str:
    """The run that a published file belongs to, by its path."""
    return path.split("/")[1].partition("=")[2]


class Replacements:
    """What the manifests of an output say of files written anew.

    Args:
        manifests: of all finished runs, in any order.

    """

    def __init__(self, manifests: Iterable[RunManifest]) -> None:
        cares = sorted((one for one in manifests if one.replaced), key=lambda one: one.commit)
        self._all: list[Replacement] = [some for one in cares for some in one.replaced]
        self._new = {old: some.new for some in self._all for old in some.old}
        self._old = {new: some.old for some in self._all for new in some.new}

    def apply(self, manifests: Sequence[RunManifest]) -> list[RunManifest]:
        """Manifests with the files that are there now in the place of those they published."""
        files = {one.run_id: list(one.files) for one in manifests}
        for some in self._all:
            _replace(files, some)
        return [
            one if list(one.files) == files[one.run_id] else replace(one, files=tuple(now))
            for one in manifests
            for now in (files[one.run_id],)
        ]

    def resolve(self, paths: Iterable[str]) -> tuple[str, ...]:
        """The files that hold now what some files held: each once, in the order of those."""
        found: dict[str, None] = {}
        for path in paths:
            if path in self._new:
                found.update(dict.fromkeys(self.resolve(self._new[path])))
            else:
                found[path] = None
        return tuple(found)

    def is_covered(self, path: str, known: Callable[[str], bool]) -> bool:
        """Whether a file is known, or holds only what known files held."""
        if known(path):
            return True
        return path in self._old and all(self.is_covered(old, known) for old in self._old[path])

    def is_merged(self, path: str) -> bool:
        """Whether a file holds rows of several files."""
        return len(self._old.get(path, ())) > 1

    def merged_across(self, commits: dict[str, int], table: str, upto: int) -> bool:
        """Whether rows up to a commit lie in one file with newer ones.

        Args:
            commits: the commit of each run, by its id.

        """
        return any(
            commits.get(run_of(new), 0) > upto
            and any(commits.get(run_of(old), 0) <= upto for old in self._old[new])
            for new in self._old
            if new.startswith(f"{table}/")
        )


def _replace(files: dict[str, list[str]], some: Replacement) -> None:
    """Take the old files out of their runs' lists, and put the new ones where the first was."""
    gone = set(some.old)
    arriving: dict[str, list[str]] = {}
    for path in some.new:
        arriving.setdefault(run_of(path), []).append(path)
    for run_id in dict.fromkeys(map(run_of, some.old)):
        now: list[str] = []
        for path in files.get(run_id, ()):
            if path not in gone:
                now.append(path)
            else:
                now += arriving.pop(run_id, ())
        if run_id in files:
            files[run_id] = now
