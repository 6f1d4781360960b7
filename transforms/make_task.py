"""One row's task: which picture, asked what, under which key."""

from models.prompts import fill_question
from schemas.asset import Asset, Image, Question
from schemas.errors import RowError
from schemas.failure import Stage
from schemas.generation_request import GenerationRequest
from schemas.image_tokens import ImageTokens
from storage.keys import RowKeys
from transforms.items import Task


def make_task(
    *,
    position: int,
    ordinal: int,
    asset: Asset,
    question: Question | None,
    template: str,
    keys: RowKeys,
    key: int,
    image: Image | RowError | None,
    stage: Stage,
    tokens: ImageTokens | None = None,
    request: GenerationRequest | None = None,
) -> Task:
    """Make the task of a row that was loaded, or could not be.

    Args:
        template: the caption prompt, or a prompt with ``{question}``.
        key: index into ``keys``.
        image: the picture, or why there is none; ``stage`` is where that arose. None where none
            is needed.
        tokens: the picture as codes, where the rows are those of a table of them.
        request: what the row asks, in a job that draws.

    """
    if request is not None:
        prompt = request.prompt
    elif question is not None:
        prompt = fill_question(template, question.question)
    else:
        prompt = template
    words = keys.identity[key]
    return Task(
        position=position,
        ordinal=ordinal,
        identity=(int(words[0]), int(words[1])),
        second=int(keys.second[key]),
        key=keys.hex(key),
        asset=asset,
        question=question,
        prompt=prompt,
        image=None if isinstance(image, RowError) else image,
        problem=image if isinstance(image, RowError) else None,
        stage=stage,
        tokens=tokens,
        request=request,
    )
