"""Which rows have a picture, and the file that it is written to where files are asked for."""

from schemas.failure import Failure
from schemas.reconstruction import Reconstruction
from storage.image_names import image_name
from transforms.outcome_rows import Row


def picture_file(row: Row | Failure) -> tuple[str, bytes] | None:
    """The path of a row's picture in the folder of pictures, and its content.

    Pictures that were not framed as the checkpoint does have a folder for each way, so that no two
    of one asset have one name.

    Returns:
        None for a row without a picture.

    """
    if not isinstance(row, Reconstruction):
        return None
    number = row.crop_number if row.framing == "crop" else None
    name = image_name(row.asset_id, "png", number)
    if row.framing == "checkpoint" and not row.resolution:
        return name, row.image
    side = f"-{row.resolution}" if row.resolution else ""
    return f"{row.framing}{side}/{name}", row.image
