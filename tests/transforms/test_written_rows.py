"""What is written of an outcome: failures with their reason, answers, thumbnails."""

import io
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from models.source import DEFAULT_MODEL, ModelSource
from schemas.asset import Question
from schemas.failure import FailureKind
from schemas.manifest import Counts
from tests.transforms.work import a_problem, a_task, an_image, an_outcome
from tests.transforms.writing import RUN, opened, rows_of, window, write, writer
from transforms.items import Closed, Done, Outcome, Task
from transforms.tally import tally_of


def failures(tmp_path: Path, *outcomes: Outcome) -> list[dict[str, Any]]:
    count = len(outcomes)
    items: list[Done] = [opened(count), *outcomes, window(count, count), Closed()]
    (record,) = write(writer(tmp_path), items)
    assert record.parts[0].failures_by_kind
    return rows_of(tmp_path, record.parts, "failures")


def test_a_failure_says_where_it_arose_and_whether_it_may_pass(tmp_path: Path) -> None:
    fetched = an_outcome(a_task(0, problem=a_problem(FailureKind.TIMEOUT)))
    asked = Outcome(task=a_task(1), result=a_problem(FailureKind.PROMPT_TOO_LONG))
    first, second = failures(tmp_path, fetched, asked)
    assert (first["stage"], first["kind"], first["retryable"]) == ("fetch", "timeout", True)
    assert (second["stage"], second["kind"]) == ("describe", "prompt_too_long")
    assert not second["retryable"]
    assert (first["message"], first["uri"]) == ("it is not there", "a0.png")


def test_a_row_that_could_not_be_read_names_its_file(tmp_path: Path) -> None:
    task = a_task(0, problem=a_problem(FailureKind.INVALID_ROW))
    empty = type(task.asset)(asset_id="", uri="")
    fields = {name: getattr(task, name) for name in Task.__slots__} | {"asset": empty}
    (row,) = failures(tmp_path, an_outcome(Task(**fields)))
    assert (row["asset_id"], row["uri"]) == ("", "/c.csv")


def test_answers_carry_their_question(tmp_path: Path) -> None:
    asked = [
        Question(question_id=f"q{at}", asset_id="a0", question=f"{at}?", answers=("yes", "ja"))
        for at in range(3)
    ]
    outcomes = [
        an_outcome(a_task(0, ordinal=at, question=asked[at], prompt=f"Q: {at}?"))
        for at in (2, 0, 1)
    ]
    step = writer(tmp_path, questions=(("q", "?"),))
    (record,) = write(step, [opened(1), *outcomes, window(1, 3, questions_sum=7), Closed()])
    rows = rows_of(tmp_path, record.parts)
    assert [row["question_id"] for row in rows] == ["q0", "q1", "q2"]
    assert (rows[1]["question"], rows[1]["prompt"]) == ("1?", "Q: 1?")
    assert list(rows[1]["answers"]) == ["yes", "ja"]
    assert record.parts[0].counts == Counts(rows_in=3, rows_out=3)
    assert record.parts[0].questions_sum == 7


def test_rows_and_failures_with_a_picture_have_a_thumbnail(tmp_path: Path) -> None:
    outcomes = [
        an_outcome(a_task(0, image=an_image(300, 600, 77))),
        Outcome(task=a_task(1), result=a_problem(FailureKind.MODEL_ERROR)),
        an_outcome(a_task(2, problem=a_problem())),
    ]
    (record,) = write(writer(tmp_path), [opened(3), *outcomes, window(3, 3), Closed()])
    shown = rows_of(tmp_path, record.parts, "thumbnails")
    assert [(row["key"], row["failed"]) for row in shown] == [
        (outcomes[0].task.key, False),
        (outcomes[1].task.key, True),
    ]
    assert Pillow.open(io.BytesIO(shown[0]["jpeg"])).size == (128, 64)


def test_pictures_out_of_the_embedded_model_s_world_are_counted(tmp_path: Path) -> None:
    embedded = ModelSource(
        name=DEFAULT_MODEL, location=DEFAULT_MODEL, revision="r", model_type="chameleon"
    )
    outcomes = [
        an_outcome(a_task(at, image=an_image(side, 64))) for at, side in enumerate((64, 65, 640))
    ]
    items: list[Done] = [opened(3), *outcomes, window(3, 3), Closed()]
    (record,) = write(writer(tmp_path, source=embedded), items)
    assert record.parts[0].unusual_pictures == 2
    assert tally_of(RUN.run_id).unusual_pictures == 2
    (record,) = write(writer(tmp_path), items)
    assert record.parts[0].unusual_pictures == 0
