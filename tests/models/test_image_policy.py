"""The list of blocked words, policies of one's own, and what they cost when they break."""

import pickle
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.image_policy import (
    BlockedWords,
    PolicyGuard,
    PolicySettings,
    load_policy,
    policy_guard,
    read_blocked_words,
    version_of,
)
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind

PIXELS = np.zeros((4, 4, 3), np.uint8)


def refused(words: str, prompt: str) -> bool:
    return BlockedWords(read_blocked_words(words)).judge_prompt(prompt) is not None


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red gun on a table", True),
        ("GUN", True),
        ("(gun)", True),
        ("begun", False),
        ("gun-metal", True),
        ("toy_gun's", True),
        ("guns", False),
        ("ＧＵＮ", True),  # of full width
        ("", False),
        ("draw a BREAKING   BAD poster", True),
        ("breaking, bad", True),
        ("bad breaking", False),
        ("eine straße", True),
        ("eine STRASSE", True),
        ("cafe\u0301", True),  # composed in the list
        ("cafe", False),
    ],
)
def test_whole_words_and_phrases_are_found(prompt: str, expected: bool) -> None:
    assert refused("# a comment\n\ngun\nBreaking  Bad\nStraße\ncafé\n", prompt) is expected


@given(st.lists(st.text("abc ", max_size=5), max_size=6), st.text("abc ,", max_size=20))
def test_it_refuses_what_a_plain_search_finds(entries: list[str], prompt: str) -> None:
    plain = f" {' '.join(prompt.replace(',', ' ').split())} "
    wanted = [" ".join(entry.split()) for entry in entries if entry.strip()]
    expected = any(f" {entry} " in plain for entry in wanted)
    assert refused("\n".join(entries), prompt) is expected


def test_a_list_is_the_same_in_any_order_and_says_which_line_is_none() -> None:
    assert read_blocked_words("b\nA\n") == read_blocked_words("a\nB\na") == ("a", "b")
    with pytest.raises(UsageError, match="Line 2 of the blocked words holds no word: '!!'"):
        read_blocked_words("a\n!!\n")


MODULE = """
class Judge:
    version = 3
    def judge_prompt(self, prompt):
        return "no lions." if "lion" in prompt else None
    def judge_picture(self, pixels):
        return "too dark." if pixels.max() < 10 else None

class Broken(Judge):
    def judge_prompt(self, prompt):
        raise ValueError("the classifier is away")
    def judge_picture(self, pixels):
        raise OSError("no space left")

def build():
    return Judge()

ready = Judge()
nothing = 7
"""


@pytest.fixture
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policy_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "policy_of_a_test", raising=False)


@pytest.mark.usefixtures("_module")
@pytest.mark.parametrize("name", ["Judge", "build", "ready"])
def test_a_policy_of_ones_own_judges_prompts_and_pictures(name: str) -> None:
    settings = PolicySettings(judge=f"policy_of_a_test:{name}")
    guard = policy_guard(pickle.loads(pickle.dumps(settings)))
    assert guard is not None
    guard.check_prompt("a tiger")
    guard.check_picture(PIXELS + np.uint8(200))
    for check, message in (
        (partial(guard.check_prompt, "a lion"), "The policy refused the prompt: no lions."),
        (partial(guard.check_picture, PIXELS), "The policy refused the picture: too dark."),
    ):
        with pytest.raises(RowError) as error:
            check()
        assert (error.value.kind, error.value.message) == (FailureKind.POLICY, message)
    assert version_of(load_policy(settings.judge)) == "3"


@pytest.mark.usefixtures("_module")
def test_a_policy_that_raises_fails_its_row() -> None:
    guard = PolicyGuard([load_policy("policy_of_a_test:Broken")])
    for check, words in (
        (partial(guard.check_prompt, "a"), "the prompt: ValueError: the classifier is away"),
        (partial(guard.check_picture, PIXELS), "the picture: OSError: no space left"),
    ):
        with pytest.raises(RowError, match=f"could not judge {words}") as error:
            check()
        assert error.value.kind is FailureKind.POLICY


@pytest.mark.usefixtures("_module")
def test_the_list_and_a_policy_of_ones_own_both_judge() -> None:
    words = read_blocked_words("tiger")
    guard = policy_guard(PolicySettings(blocked_words=words, judge="policy_of_a_test:Judge"))
    assert guard is not None
    with pytest.raises(RowError, match="it holds 'tiger', which is among the blocked words"):
        guard.check_prompt("a tiger")
    with pytest.raises(RowError, match=r"refused the prompt: no lions\."):
        guard.check_prompt("a lion")
    guard.check_prompt("a snail")
    assert policy_guard(PolicySettings()) is None


@pytest.mark.usefixtures("_module")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("policy_of_a_test", "is named module:name"),
        (":Judge", "is named module:name"),
        ("no_such_module_here:Judge", "ModuleNotFoundError"),
        ("policy_of_a_test:Gone", "AttributeError"),
        ("policy_of_a_test:nothing", "TypeError"),
        ("builtins:dict", "is no policy: it needs the methods judge_prompt"),
    ],
)
def test_what_is_no_policy_is_said_at_once(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_policy(name)
