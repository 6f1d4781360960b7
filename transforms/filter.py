"""Filtering: rules that cost little are judged first, and what is left is scored by a model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.embedding import Embedder, EmbedRequest, EncodedPairs, load_embedder
from models.ranking import cosine
from schemas.errors import RowError
from schemas.verdict import Rule
from transforms.filter_rules import Judge
from transforms.filtered import Filtered
from transforms.items import Done, Item, Outcome, Task
from transforms.lazy_model import LazyModel
from transforms.settings import FilterSettings
from transforms.tally import tally_of
from transforms.window_handler import WindowHandler

_SCORE = Rule.MIN_CLIP_SCORE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """A picture and its text that broke no other rule."""

    judged: Filtered
    picture: EmbedRequest
    text: EmbedRequest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedTexts:
    """A batch that is ready for the model: all pictures, then all texts."""

    judged: tuple[Filtered, ...]
    pairs: EncodedPairs


class FilterHandler(WindowHandler[Embedder, Pair, EncodedTexts]):
    """Judges windows of tasks. The model is loaded when the first row is to be scored."""

    def __init__(self, work: FilterSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._judge = Judge(work.rules)
        self._least = work.rules.min_clip_score
        # By the tasks' ``id()``, from their judging until they are to be scored.
        self._to_score: dict[int, Filtered] = {}

    def run_inference(
        self,
        batch: Sequence[Item],
        model: LazyModel[Embedder],
        inference_args: dict[str, Any] | None = None,  # noqa: ARG002 - Beam passes it by name
    ) -> Iterable[Done]:
        """Judge a window's tasks, and score those that broke no other rule."""
        found: dict[int, Any] = {}
        to_score: list[Task] = []
        self._to_score.clear()
        for item in batch:
            if not isinstance(item, Task) or item.problem is not None:
                continue
            try:
                judged = self._judged(item)
            except RowError as error:
                found[id(item)] = error
                continue
            if self._least is not None and not judged.broken:
                to_score.append(item)
                self._to_score[id(item)] = judged
            else:
                found[id(item)] = judged
        tally = tally_of(self._run_id)
        with tally.lock:
            tally.answered += len(found)
        if to_score:
            found |= self._do(to_score, model.get())
        return [
            Outcome(task=item, result=item.problem or found[id(item)])
            if isinstance(item, Task)
            else item
            for item in batch
        ]

    def _load(self) -> Embedder:
        return load_embedder(
            self._work.source, device=self._work.device or None, dtype=self._work.dtype or None
        )

    def _judged(self, task: Task) -> Filtered:
        image = task.image
        judged = self._judge.judge(
            task.asset.text, task.asset.license, None if image is None else _size(image)
        )
        broken = judged.broken
        not_judged: tuple[Rule, ...] = ()
        if self._least is not None:
            if image is None or not judged.characters:
                # What lacks one of the two has no score, and so none that is high enough.
                broken = (*broken, _SCORE)
            elif broken:
                not_judged = (_SCORE,)
        return Filtered(
            broken=broken,
            not_judged=not_judged,
            words=judged.words,
            characters=judged.characters,
        )

    def _request(self, task: Task) -> Pair:
        assert task.image is not None
        return Pair(
            judged=self._to_score.pop(id(task)),
            picture=EmbedRequest(pixels=task.image.pixels, text=""),
            text=EmbedRequest(pixels=None, text=task.asset.text),
        )

    def _encode(self, model: Embedder, requests: Sequence[Pair]) -> EncodedTexts:
        pictures = [pair.picture for pair in requests]
        return EncodedTexts(
            judged=tuple(pair.judged for pair in requests),
            pairs=model.encode([*pictures, *(pair.text for pair in requests)]),
        )

    def _run(self, model: Embedder, encoded: EncodedTexts) -> Sequence[Filtered | RowError]:
        assert self._least is not None
        count = len(encoded.judged)
        embedded = model.embed(encoded.pairs)
        results: list[Filtered | RowError] = []
        for judged, picture, text in zip(
            encoded.judged, embedded[:count], embedded[count:], strict=True
        ):
            score = cosine(text, picture)
            if isinstance(score, RowError):
                results.append(score)
                continue
            assert not isinstance(text, RowError)
            broken = () if score >= self._least else (_SCORE,)
            results.append(replace(judged, broken=broken, clip_score=score, text_cut=text.text_cut))
        return results


def _size(image: Any) -> tuple[int, int]:
    return image.width, image.height
