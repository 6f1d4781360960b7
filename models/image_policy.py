"""What may be drawn: an interface for judges of prompts and pictures, and a list of blocked words.

Nothing is judged unless it is asked for. Imports no torch.
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from models.phrases import Phrases, read_phrases
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@runtime_checkable
class ImagePolicy(Protocol):
    """Judges prompts before, and pictures after they are drawn. Threads may share one.

    An attribute ``version``, where it has one, tells one way of judging from another: rows that
    were judged in another way are done anew.
    """

    def judge_prompt(self, prompt: str) -> str | None:
        """Why nothing may be drawn of a prompt, as a sentence; None if it may.

        Texts of documents that the model is shown are judged by it too.
        """

    def judge_picture(self, pixels: "NDArray[np.uint8]") -> str | None:
        """Why a picture may not be written, as a sentence; None if it may.

        Args:
            pixels: uint8 array of shape (height, width, 3), RGB.

        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Which policies judge: plain values, of which each worker makes its own.

    Attributes:
        blocked_words: from :func:`read_blocked_words`; none for no list.
        judge: ``module:name`` of a policy of the user's own, which every worker must be able to
            import; empty for none.
        version: what it said of itself where the run began.

    """

    blocked_words: tuple[str, ...] = ()
    judge: str = ""
    version: str = ""


class BlockedWords:
    """Refuses prompts that hold certain words or phrases; judges no picture.

    Args:
        entries: from :func:`read_blocked_words`.

    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._phrases = Phrases(entries)

    def judge_prompt(self, prompt: str) -> str | None:
        """Name the first blocked words of a prompt, shorter phrases before longer ones."""
        phrase = self._phrases.first_in(prompt)
        return None if phrase is None else f"it holds {phrase!r}, which is among the blocked words."

    def judge_picture(self, pixels: "NDArray[np.uint8]") -> str | None:  # noqa: ARG002 - a word list
        """Judge nothing."""
        return None


class PolicyGuard:
    """Asks all policies of a job. What one of them raises costs the row, and no other."""

    def __init__(self, policies: Sequence[ImagePolicy]) -> None:
        self._policies = tuple(policies)

    def check_prompt(self, prompt: str, name: str = "prompt") -> None:
        """Check a prompt, or another text that a model is given.

        Args:
            name: what the text is called where it is refused.

        Raises:
            RowError: it is refused, or a policy could not judge it.

        """
        for policy in self._policies:
            _check(name, partial(policy.judge_prompt, prompt))

    def allows(self, text: str, name: str) -> bool:
        """Whether a text passes that may be left out.

        Raises:
            RowError: a policy could not judge it.

        """
        return all(
            _reason(name, partial(policy.judge_prompt, text)) is None for policy in self._policies
        )

    def check_picture(self, pixels: "NDArray[np.uint8]") -> None:
        """Check a picture.

        Args:
            pixels: uint8 array of shape (height, width, 3), RGB.

        Raises:
            RowError: it is refused, or a policy could not judge it.

        """
        for policy in self._policies:
            _check("picture", partial(policy.judge_picture, pixels))


def read_blocked_words(text: str) -> tuple[str, ...]:
    """Read a list of blocked words; see :func:`models.phrases.read_phrases`."""
    return read_phrases(text, "blocked words")


def load_policy(name: str) -> ImagePolicy:
    """Import a policy of the user's own. Its code runs, with all that the user may do.

    Args:
        name: ``module:name``, of a policy, or of what gives one when it is called with nothing.

    Raises:
        UsageError: it cannot be imported, or is no policy.

    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise UsageError(
            f"A policy is named module:name, for example mypolicy:Judge, not {name!r}."
        )
    try:
        found = getattr(importlib.import_module(module_name), attribute)
        # A class has the methods too, and is called for a policy all the same.
        if isinstance(found, type) or not isinstance(found, ImagePolicy):
            found = found()
    except Exception as error:
        raise UsageError(
            f"The policy {name} cannot be had: {type(error).__name__}: {error}. Install its "
            "module, or name its folder in PYTHONPATH, wherever the job runs."
        ) from error
    if not isinstance(found, ImagePolicy):
        raise UsageError(
            f"{name} is no policy: it needs the methods judge_prompt(prompt) and "
            "judge_picture(pixels), which give a reason or None."
        )
    return found


def version_of(policy: ImagePolicy) -> str:
    """What a policy says of itself, to tell one way of judging from another; empty for nothing."""
    return str(getattr(policy, "version", ""))


def policy_guard(settings: PolicySettings) -> PolicyGuard | None:
    """Get ready to judge; None where nothing judges.

    Raises:
        UsageError: see :func:`load_policy`.

    """
    policies: list[ImagePolicy] = []
    if settings.blocked_words:
        policies.append(BlockedWords(settings.blocked_words))
    if settings.judge:
        policies.append(load_policy(settings.judge))
    return PolicyGuard(policies) if policies else None


def _check(what: str, judge: Callable[[], str | None]) -> None:
    reason = _reason(what, judge)
    if reason is not None:
        raise RowError(FailureKind.POLICY, f"The policy refused the {what}: {reason}")


def _reason(what: str, judge: Callable[[], str | None]) -> str | None:
    try:
        return judge()
    except Exception as error:
        raise RowError(
            FailureKind.POLICY,
            f"The policy could not judge the {what}: {type(error).__name__}: {error}. Repair it, "
            "and try the row again with --only-failed.",
        ) from error
