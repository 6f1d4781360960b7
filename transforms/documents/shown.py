"""What a training document shows: the row's own pictures and texts, and the documents retrieved."""

from collections.abc import Mapping, Sequence

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.lookup.pictures import CodedPicture
from transforms.documents.material import Draft
from transforms.documents.parts import Origin, Shown
from transforms.documents.template import Field

Pictures = Mapping[tuple[str, str], Sequence[CodedPicture]]
"""By set of codes and asset id: the picture, or crops of it."""


def main_document(draft: Draft, pictures: Pictures) -> Shown:
    """What the row itself shows: of each of its pictures a crop that is drawn.

    Raises:
        RowError: a picture has no codes, or is framed otherwise than its boxes are told.

    """
    own: dict[str, CodedPicture] = {}
    for name, (codes, asset_id) in draft.wanted.items():
        crops = pictures.get((codes, asset_id), ())
        if not crops:
            raise _no_codes(codes, asset_id)
        own[name] = crops[draft.random.randrange(len(crops))]
        if own[name].framing != "checkpoint" and draft.has_boxes:
            raise _framed_otherwise(own[name])
    asset = draft.row.asset
    return Shown(
        items=draft.layout.items,
        texts={name: value.text for name, value in draft.texts.items()},
        pictures=own,
        origin=Origin(asset_id=asset.asset_id, license=asset.license, source=asset.source),
        retrieved=False,
        weight=1.0,
    )


def retrieved_documents(
    draft: Draft, pictures: Pictures, near: Sequence[str], weight: float
) -> tuple[list[Shown], int]:
    """The documents before the main one.

    Args:
        pictures: of the neighbours, as far as there are codes.
        near: ids of the neighbours, the best first.
        weight: of their tokens in the loss.

    Returns:
        The documents, the most like the row last, as where models are asked; and how many
        neighbours were passed over, for they have no codes, or lack the text that the layout shows.

    """
    needs_text = any(isinstance(item, Field) for item in draft.layout.retrieved)
    documents: list[Shown] = []
    passed_over = 0
    # What a row shows must not stand before it: that would give away what is to be learnt.
    itself = {draft.row.asset.asset_id, *(name for _, name in draft.wanted.values())}
    for asset_id in near:
        if len(documents) == draft.count:
            break
        if asset_id in itself:
            continue
        found = pictures.get(("", asset_id), ())
        if not found or (needs_text and not found[0].text.strip()):
            passed_over += 1
            continue
        documents.append(_retrieved(draft, found[0], weight))
    return documents[::-1], passed_over


def _retrieved(draft: Draft, found: CodedPicture, weight: float) -> Shown:
    return Shown(
        items=draft.layout.retrieved,
        texts={"text": found.text.strip()},
        pictures={"image": found},
        origin=Origin(asset_id=found.asset_id, license=found.license, source=found.source),
        retrieved=True,
        weight=weight,
    )


def _framed_otherwise(picture: CodedPicture) -> RowError:
    return RowError(
        FailureKind.INVALID_ROW,
        f"The picture {picture.asset_id} was framed by the rule {picture.framing}, and boxes can "
        "be told of pictures alone that were framed as the checkpoint does it. Tokenize it with "
        "--framing checkpoint, then run with --only-failed.",
    )


def _no_codes(codes: str, asset_id: str) -> RowError:
    where = f"the codes {codes}" if codes else "the codes"
    return RowError(
        FailureKind.UNKNOWN_ASSET,
        f"The picture {asset_id} is not among {where}. Make them with calumma tokenize, "
        "then run with --only-failed.",
    )
