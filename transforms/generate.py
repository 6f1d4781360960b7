"""Drawing pictures: what the generating model is asked for each sample, and what comes of it."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.embedding import Embedder, load_embedder
from models.generating import (
    EncodedImageRequests,
    ImageGenerator,
    ImageRequest,
    ImageSample,
    load_image_generator,
)
from models.image_policy import PolicyGuard
from models.image_tokens import ImageCodes, ImageTokenizer, load_image_tokenizer
from schemas.errors import RowError
from schemas.generation_request import GenerationRequest
from storage.encode_image import MEDIA_TYPES, encode_image
from transforms.drawn import Drawn
from transforms.generated_row import provenance_of
from transforms.items import Result, Task
from transforms.kept_codes import kept_codes
from transforms.material import Asked, Material, MaterialFinder
from transforms.parse_request import check_boxes
from transforms.score_drawn import guard_here, judged, refused, scored
from transforms.settings import GenerateSettings
from transforms.window_handler import WindowHandler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ENCODING_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Painter:
    """A model that draws codes, and what makes pictures of them and judges those.

    Attributes:
        material: what it is shown beside its prompt.
        ranker: scores pictures; None for no scores.
        guard: judges prompts and pictures; None where all may pass.

    """

    generator: ImageGenerator
    tokenizer: ImageTokenizer
    material: MaterialFinder
    ranker: Embedder | None
    guard: PolicyGuard | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedSamples:
    """A batch that is ready for the model.

    Attributes:
        encoded: the samples that can be asked for.
        asked: what they are.
        shown: what each of them is shown.
        failed: why the others cannot be, by their place in the batch.

    """

    encoded: EncodedImageRequests
    asked: tuple[Asked, ...]
    shown: tuple[Material, ...]
    failed: dict[int, RowError]


class GeneratingHandler(WindowHandler[Painter, Asked, EncodedSamples]):
    """Runs a model that makes images on windows of tasks; each sample is a task of its own.

    The samples of a row have the same prompt and the same pictures, which the model reads once.
    """

    def __init__(self, work: GenerateSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._generate = work
        self._threads: ThreadPoolExecutor | None = None

    def _load(self) -> Painter:
        work = self._generate
        device = work.device or None
        guard = guard_here(work.policy)
        return Painter(
            generator=load_image_generator(
                work.source, device=device, dtype=work.dtype or None, compiled=work.compiled
            ),
            tokenizer=load_image_tokenizer(work.source, device=device),
            material=MaterialFinder(work, guard),
            # In float32, for a rank should not hang on the device.
            ranker=load_embedder(work.ranker, device=device, dtype="float32")
            if work.ranker
            else None,
            guard=guard,
        )

    def _request(self, task: Task) -> Asked:
        assert task.request is not None
        assert task.question is not None
        return Asked(
            request=task.request,
            asset=task.asset,
            image=task.image,
            number=int(task.question.question_id),
        )

    def _encode(self, model: Painter, requests: Sequence[Asked]) -> EncodedSamples:
        ready: list[ImageRequest] = []
        can_be_asked: list[Asked] = []
        shown: list[Material] = []
        failed = refused(requests, model.guard, self._generate.requests.template)
        allowed = [place for place in range(len(requests)) if place not in failed]
        # Samples of one row hold the very same request: its picture is encoded once.
        kept: dict[int, NDArray[np.int32]] = {}
        found = model.material.find([requests[place] for place in allowed])
        for place, material in zip(allowed, found, strict=True):
            asked = requests[place]
            try:
                if isinstance(material, RowError):
                    raise material
                _check_boxes(model, asked.request)
                _keep(model.tokenizer, asked, kept)
            except RowError as error:
                failed[place] = error
                continue
            request = _image_request(asked, material)
            codes = kept.get(id(asked.request))
            if codes is not None:
                request = _drawn_on(request, codes, model.tokenizer.pixels_per_code)
            ready.append(request)
            can_be_asked.append(asked)
            shown.append(material)
        encoded = model.generator.encode(ready, self._generate.choice)
        return EncodedSamples(
            encoded=encoded, asked=tuple(can_be_asked), shown=tuple(shown), failed=failed
        )

    def _run(self, model: Painter, encoded: EncodedSamples) -> Sequence[Drawn | RowError]:
        samples = [_only(one) for one in model.generator.generate(encoded.encoded)]
        results = _draw(model.tokenizer, samples, encoded.asked, encoded.shown)
        if model.guard is not None:
            results = [judged(result, model.guard) for result in results]
        if model.ranker is not None:
            results = scored(results, model.ranker)
        drawn = iter(results)
        count = len(samples) + len(encoded.failed)
        return [encoded.failed.get(place) or next(drawn) for place in range(count)]

    def _finish(self, found: Sequence[Result]) -> Sequence[Result]:
        """Encode the pictures."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_ENCODING_THREADS, thread_name_prefix="to-file")
        return list(self._threads.map(self._to_file, found))

    def _do(self, tasks: list[Task], model: Painter) -> dict[int, Result]:
        """Do tasks, and rank the samples of each row: a window has them together."""
        return _ranked(tasks, super()._do(tasks, model))

    def _to_file(self, result: Result) -> Result:
        if not isinstance(result, Drawn):
            return result
        assert result.pixels is not None
        image_format = self._generate.format
        provenance = provenance_of(result, self._generate)
        return replace(
            result,
            image=encode_image(result.pixels, image_format=image_format, provenance=provenance),
            media_type=MEDIA_TYPES[image_format],
            pixels=None,
        )


def _ranked(tasks: Sequence[Task], results: Mapping[int, Result]) -> dict[int, Result]:
    """Number the samples of each row from 1, the best first: by score, else by their order."""
    ranked = dict(results)
    rows: dict[int, list[tuple[int, Drawn]]] = {}
    for task in tasks:
        drawn = results[id(task)]
        if isinstance(drawn, Drawn):
            rows.setdefault(task.position, []).append((id(task), drawn))
    for row in rows.values():
        row.sort(key=lambda one: math.inf if one[1].score is None else -one[1].score)
        for rank, (task_id, drawn) in enumerate(row, 1):
            ranked[task_id] = replace(drawn, rank=rank)
    return ranked


def _check_boxes(model: Painter, request: GenerationRequest) -> None:
    if request.boxes:
        side = model.tokenizer.pixels_per_code
        rows, columns = model.generator.grid(request.size)
        check_boxes(request.boxes, rows * side, columns * side)


def _keep(tokenizer: ImageTokenizer, asked: Asked, kept: "dict[int, NDArray[np.int32]]") -> None:
    """Encode the picture of a request of which a part is to be drawn anew."""
    mask, name = asked.request.mask, id(asked.request)
    if mask is not None and name not in kept:
        assert asked.image is not None
        kept[name] = kept_codes(tokenizer, asked.image.pixels, mask)


def _drawn_on(request: ImageRequest, kept: "NDArray[np.int32]", side: int) -> ImageRequest:
    """The request with codes of its picture, which is not shown besides, and with its size."""
    size = request.size or (kept.shape[0] * side, kept.shape[1] * side)
    return replace(request, images=(), kept=kept, size=size)


def _image_request(asked: Asked, material: Material) -> ImageRequest:
    assert asked.request.seed is not None
    return ImageRequest(
        prompt=asked.request.prompt,
        seed=asked.request.seed,
        first=asked.number,
        images=tuple(image.pixels for image, _ in material.images),
        lead=asked.request.lead,
        documents=material.documents,
        size=asked.request.size,
    )


def _only(samples: tuple[ImageSample, ...] | RowError) -> ImageSample | RowError:
    return samples if isinstance(samples, RowError) else samples[0]


def _draw(
    tokenizer: ImageTokenizer,
    samples: Sequence[ImageSample | RowError],
    asked: Sequence[Asked],
    shown: Sequence[Material],
) -> list[Drawn | RowError]:
    """Make pictures of codes."""
    codes = [
        ImageCodes(
            codes=sample.codes,
            tokenizer=tokenizer.source.name,
            tokenizer_hash=tokenizer.tokenizer_hash,
        )
        for sample in samples
        if isinstance(sample, ImageSample)
    ]
    decoded = iter(tokenizer.decode(codes))
    results: list[Drawn | RowError] = []
    for sample, one, material in zip(samples, asked, shown, strict=True):
        if isinstance(sample, RowError):
            results.append(sample)
            continue
        pixels = next(decoded)
        if isinstance(pixels, RowError):
            results.append(pixels)
            continue
        results.append(
            Drawn(
                request=one.request,
                number=one.number,
                edits=one.image is not None or bool(one.request.images),
                sample=sample,
                tokenizer_hash=tokenizer.tokenizer_hash,
                height=pixels.shape[0],
                width=pixels.shape[1],
                pixels=pixels,
                shown=material.shown(sample.documents),
                neighbors=tuple(reversed(sample.documents)),
            )
        )
    return results
