"""Which rows have a picture, and the file that it is written to where files are asked for."""

from schemas.failure import Failure
from schemas.reconstruction import Reconstruction
from schemas.structure import Structure
from storage.image_names import image_name
from transforms.outcome_rows import Row


def picture_file(row: Row | Failure) -> tuple[str, bytes] | None:
    """The path of a row's picture in the folder of pictures, and its content.

    No two of one asset have one name: features have a folder each, and so has each way of framing
    but the checkpoint's own.

    Returns:
        None for a row without a picture.

    """
    if isinstance(row, Structure):
        return f"{row.feature}/{image_name(row.asset_id, 'png')}", row.image
    if not isinstance(row, Reconstruction):
        return None
    number = row.crop_number if row.framing == "crop" else None
    name = image_name(row.asset_id, "png", number)
    if row.framing == "checkpoint" and not row.resolution:
        return name, row.image
    side = f"-{row.resolution}" if row.resolution else ""
    return f"{row.framing}{side}/{name}", row.image
