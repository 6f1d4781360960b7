"""Reading a picture out of a Parquet file."""

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.catalog.opening import describe_file
from storage.catalog.parquet import read_picture
from storage.fetching.redacting import redact
from storage.fetching.transient import TransientError
from storage.inside import Cell


def read_cell(cell: Cell) -> bytes:
    """Read the picture that lies in a row of a Parquet file.

    Raises:
        RowError: not_found, forbidden, or invalid_row where there is no picture.
        TransientError: anything that may pass.

    """
    file = redact(cell.file)
    try:
        data = read_picture(describe_file(cell.file), cell.column, cell.row)
    except FileNotFoundError as error:
        raise RowError(
            FailureKind.NOT_FOUND,
            f"There is no file {file}. Put it there, then run with --only-failed.",
        ) from error
    except PermissionError as error:
        raise RowError(
            FailureKind.FORBIDDEN, f"{file} may not be read. Check its permissions."
        ) from error
    except OSError as error:
        raise TransientError(
            FailureKind.STORAGE_ERROR, f"{file} could not be read ({error})."
        ) from error
    except ValueError:
        data = None
    if data is None:
        raise RowError(
            FailureKind.INVALID_ROW,
            f"Row {cell.row + 1} of {file} holds no picture in {cell.column!r} any more. Embed the "
            "catalog again, then run with --only-failed.",
        )
    return data
