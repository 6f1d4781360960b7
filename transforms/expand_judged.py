"""From a block of rows to those to be judged: what is judged of a row is part of its version."""

from collections.abc import Sequence
from dataclasses import replace

from schemas.errors import NoPictureError
from storage.catalog.read_blocks import read_rows
from storage.catalog.split import CatalogRow, RowBlock, Split
from storage.digests import DigestFile
from storage.known import KnownKeys
from transforms.expand_rows import BlockTasks, RowExpander
from transforms.filter_rules import FilterRules


class JudgedExpander(RowExpander):
    """Turns rows into tasks and leaves out what was judged as it is now.

    A corrected licence or text is judged again, so each is part of a row's version where a rule
    looks at it. Rows are read whole for that, but for pictures that the catalog itself holds; the
    hash of a row's key takes both in, and no other is computed.
    """

    def __init__(
        self,
        *,
        fingerprint: bytes,
        known: KnownKeys,
        only_failed: bool,
        rules: FilterRules,
        keep: Sequence[DigestFile] = (),
    ) -> None:
        super().__init__(fingerprint=fingerprint, known=known, only_failed=only_failed, keep=keep)
        self._licenses = bool(rules.licenses)
        self._texts = rules.of_texts

    def expand(self, split: Split, block: RowBlock) -> BlockTasks:
        """Find the tasks of a block's rows."""
        if not (self._licenses or self._texts):
            return super().expand(split, block)
        rows = list(read_rows(split, block, range(len(block.ids)), pictures=False))
        given = block.versions or [""] * len(rows)
        versions = [self._version(row, version) for row, version in zip(rows, given, strict=True)]
        return replace(self._expand_plain(split, block, versions), rows=rows)

    def _version(self, row: CatalogRow, given: str) -> str:
        if row.problem is not None and not isinstance(row.problem, NoPictureError):
            return given
        license_name = row.asset.license if self._licenses else ""
        text = row.asset.text if self._texts else ""
        # The length, so that no two licences and texts run together.
        return f"{given}\x00{len(license_name)}\x00{license_name}{text}"
