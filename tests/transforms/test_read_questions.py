"""Reading a split in a job that asks questions."""

import json
import random
from pathlib import Path

from storage.questions import build_question_index, row_hash
from storage.store.local import LocalStore
from tests.transforms.reading import IDS, read, tasks_of, windows_of


def test_each_picture_is_loaded_once_however_many_questions_are_asked(
    catalog: Path, store: LocalStore
) -> None:
    questions = (("q1", "what {color}?"), ("q2", "what shape?"), ("q3", "where?"))
    items = read(catalog, store, questions=questions, prompt="Q: {question} A:")
    tasks = tasks_of(items)
    assert [(task.position, task.ordinal) for task in tasks] == [
        (position, ordinal) for position in range(40) for ordinal in range(3)
    ]
    assert [task.prompt for task in tasks[:3]] == [
        "Q: what {color}? A:",
        "Q: what shape? A:",
        "Q: where? A:",
    ]
    assert all(task.image is tasks[place - place % 3].image for place, task in enumerate(tasks))
    assert sum(window.tasks for window in windows_of(items)) == 120


def test_windows_never_part_a_picture_s_questions(catalog: Path, store: LocalStore) -> None:
    questions = tuple((f"q{number}", f"{number}?") for number in range(5))
    items = read(catalog, store, questions=questions, prompt="{question}")
    windows = windows_of(items)
    assert {window.tasks for window in windows[:-1]} == {10}
    assert [window.position for window in windows[:3]] == [2, 4, 6]


def test_the_sums_of_the_questions_met_add_up(
    catalog: Path, store: LocalStore, tmp_path: Path
) -> None:
    asked = random.Random(0).choices(IDS, k=60)
    questions = tmp_path / "q.jsonl"
    questions.write_text(
        "".join(
            json.dumps({"asset_id": asset_id, "question": f"{number}?"}) + "\n"
            for number, asset_id in enumerate(asked)
        )
    )
    build_question_index(str(questions), tmp_path / "q.sqlite")
    store.put("q.sqlite", (tmp_path / "q.sqlite").read_bytes())
    items = read(catalog, store, question_index="q.sqlite", prompt="{question}")
    met = sum(window.questions_sum for window in windows_of(items)) % (1 << 64)
    assert met == sum(map(row_hash, range(60))) % (1 << 64)
    tasks = tasks_of(items)
    assert sorted(task.prompt for task in tasks) == sorted(f"{number}?" for number in range(60))
    assert all(
        task.question and task.question.asset_id == task.asset.asset_id == IDS[task.position]
        for task in tasks
    )
