"""The model handler of filters, without Beam around it."""

from dataclasses import replace

import pytest

from models.source import DEFAULT_ENCODER, resolve_encoder
from schemas.errors import RowError
from schemas.failure import FailureKind
from tests.transforms.work import a_task
from transforms.filter import FilterHandler
from transforms.filter_rules import FilterRules, Judge, Judged
from transforms.filtered import Filtered
from transforms.items import Outcome, Task
from transforms.settings import FilterSettings


def test_a_row_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, judged = Judge.judge, list[str]()

    def slow_the_second_time(
        self: Judge, text: str, license_name: str, size: tuple[int, int] | None
    ) -> Judged:
        judged.append(text)
        if judged.count(text) > 1 or text == "slow":
            raise RowError(FailureKind.INVALID_ROW, "The pattern takes too long.")
        return judge(self, text, license_name, size)

    monkeypatch.setattr(Judge, "judge", slow_the_second_time)
    texts = ["a red circle", "slow", "blue", "a green box", ""]
    tasks: list[Task] = []
    for number, text in enumerate(texts):
        task = a_task(number)
        tasks.append(replace(task, asset=replace(task.asset, text=text)))
    work = FilterSettings(
        source=resolve_encoder(DEFAULT_ENCODER),
        rules=FilterRules(min_words=2, min_clip_score=-1.0),
        batch_size=2,
        device="cpu",
    )
    handler = FilterHandler(work, "judged once")
    done = list(handler.run_inference(tasks, handler.load_model()))
    assert sorted(judged) == sorted(texts)
    found = [one.result for one in done if isinstance(one, Outcome)]
    scored = [isinstance(one, Filtered) and one.clip_score is not None for one in found]
    assert scored == [True, False, False, True, False]
    words = [one.words if isinstance(one, Filtered) else None for one in found]
    assert words == [3, None, 1, 3, 0]
