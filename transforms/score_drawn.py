"""What becomes of pictures between drawing and writing: they are judged, and scored."""

import socket
from collections.abc import Sequence
from dataclasses import replace

from models.embedding import Embedder
from models.image_policy import PolicyGuard, PolicySettings, policy_guard
from models.ranking import score_pictures
from schemas.errors import RowError, UsageError, WorkerError
from schemas.generation_request import GenerationRequest
from transforms.drawn import Drawn
from transforms.material import Asked, document_text


def guard_here(policy: PolicySettings) -> PolicyGuard | None:
    """Get a worker ready to judge; None where nothing judges.

    Raises:
        WorkerError: the user's own policy cannot be imported on this machine.

    """
    try:
        return policy_guard(policy)
    except UsageError as error:
        raise WorkerError(f"On the worker {socket.gethostname()}: {error}") from error


def refused(
    requests: Sequence[Asked], guard: PolicyGuard | None, template: str
) -> dict[int, RowError]:
    """The errors of requests whose prompts or documents are refused, by their places.

    Args:
        template: in which the model is given the documents' texts.

    """
    if guard is None:
        return {}
    # Samples of one row hold the very same request, which is judged once.
    once = {id(asked.request): asked.request for asked in requests}
    errors = {name: _refusal(request, guard, template) for name, request in once.items()}
    places = ((place, errors[id(asked.request)]) for place, asked in enumerate(requests))
    return {place: error for place, error in places if error is not None}


def _refusal(request: GenerationRequest, guard: PolicyGuard, template: str) -> RowError | None:
    try:
        guard.check_prompt(request.told)
        for number, document in enumerate(request.documents, 1):
            guard.check_prompt(document_text(document.text, template), f"document {number}")
    except RowError as error:
        return error
    return None


def judged(result: Drawn | RowError, guard: PolicyGuard) -> Drawn | RowError:
    """A sample, or the error of one whose picture is refused."""
    if isinstance(result, RowError):
        return result
    assert result.pixels is not None
    try:
        guard.check_picture(result.pixels)
    except RowError as error:
        return error
    return result


def scored(results: Sequence[Drawn | RowError], ranker: Embedder) -> list[Drawn | RowError]:
    """Score pictures by the texts that they were asked for with, not by the templates."""
    drawn = [result for result in results if isinstance(result, Drawn)]
    scores = iter(
        score_pictures(
            [one.request.text for one in drawn],
            [one.pixels for one in drawn if one.pixels is not None],
            ranker,
        )
    )
    scored: list[Drawn | RowError] = []
    for result in results:
        if isinstance(result, Drawn):
            score = next(scores)
            scored.append(score if isinstance(score, RowError) else replace(result, score=score))
        else:
            scored.append(result)
    return scored
