"""The pictures of an evaluation's page, within what a page may hold."""

from collections.abc import Sequence

from reports.evaluated_pictures import PicturedRow, load_evaluated_pictures
from reports.reading import SHA256, Row
from schemas.manifest import RunManifest
from storage.decoding.thumbnail import THUMBNAIL_PIXELS

_NO_ROOM = "not in this page"


def find_pictures(
    rows: Sequence[Row],
    evaluation: RunManifest,
    out: str,
    *,
    most_bytes: int,
    allow_private_addresses: bool,
) -> dict[str, bytes]:
    """Find small pictures of rows; a row without one is told ``why``, unless it has no uri.

    Args:
        rows: those that matter most first.
        evaluation: whose rows they are.
        out: its output.
        most_bytes: of the pictures together.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.

    Returns:
        JPEG by row key.

    """
    pictured = [row for row in rows if row["uri"]]
    loaded = load_evaluated_pictures(
        [
            PicturedRow(asset_id=row["id"], question_id=row["question_id"], uri=row["uri"])
            for row in pictured
        ],
        str(evaluation.config.get("results", "")),
        (out,),
        longer_side=THUMBNAIL_PIXELS,
        allow_private_addresses=allow_private_addresses,
    )
    total = 0
    why = {}
    for uri, one in loaded.items():
        total += len(one.jpeg)
        if not one.jpeg or total > most_bytes:
            why[uri] = one.problem or _NO_ROOM
    for row in rows:
        # By its address, for rows of one asset may have pictures of their own.
        row[SHA256] = row["uri"]
        if row["uri"] in why:
            row["why"] = why[row["uri"]]
    return {row["key"]: loaded[row["uri"]].jpeg for row in pictured if row["uri"] not in why}
