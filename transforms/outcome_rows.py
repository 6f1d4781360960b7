"""From what became of a task to the row that says so."""

from models.describing import Description
from schemas.description import Answer, Caption
from schemas.errors import RowError
from schemas.failure import Failure, Stage
from transforms.items import Outcome, Task
from transforms.settings import DescribeSettings


def outcome_row(
    outcome: Outcome, describe: DescribeSettings, file: str
) -> Caption | Answer | Failure:
    """Make the one row that a task ends as.

    Args:
        file: the catalog's file: where a failed row that names no picture is to be looked for.

    """
    if isinstance(outcome.result, RowError):
        return _failure(outcome.task, outcome.result, file)
    return _described(outcome.task, outcome.result, describe)


def _failure(task: Task, problem: RowError, file: str) -> Failure:
    return Failure(
        key=task.key,
        asset_id=task.asset.asset_id,
        question_id=task.question.question_id if task.question else "",
        stage=(Stage.DESCRIBE if task.problem is None else task.stage).value,
        kind=problem.kind.value,
        message=problem.message,
        retryable=problem.kind.retryable,
        uri=task.asset.uri or file,
        attributes=task.asset.attributes,
    )


def _described(task: Task, result: Description, describe: DescribeSettings) -> Caption | Answer:
    asset = task.asset
    assert task.image is not None
    if task.question is not None:
        return Answer(
            key=task.key,
            asset_id=asset.asset_id,
            question_id=task.question.question_id,
            question=task.question.question,
            answers=task.question.answers,
            uri=asset.uri,
            prompt=task.prompt,
            text=result.text,
            mean_logprob=result.mean_logprob,
            finish_reason=result.finish_reason,
            token_count=result.token_count,
            neighbors=(),
            sha256=task.image.sha256,
            model=describe.source.name,
            revision=describe.source.revision,
            attributes=asset.attributes,
        )
    return Caption(
        key=task.key,
        asset_id=asset.asset_id,
        uri=asset.uri,
        prompt=task.prompt,
        text=result.text,
        mean_logprob=result.mean_logprob,
        finish_reason=result.finish_reason,
        token_count=result.token_count,
        references=asset.references,
        neighbors=(),
        sha256=task.image.sha256,
        model=describe.source.name,
        revision=describe.source.revision,
        attributes=asset.attributes,
    )
