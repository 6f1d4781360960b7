"""From a picture that was drawn to its row."""

import dataclasses
import json
from importlib.metadata import version

from schemas.generated_image import GeneratedImage
from storage.provenance import Provenance
from transforms.drawn import Drawn
from transforms.items import Task
from transforms.settings import GenerateSettings


def generated_row(task: Task, drawn: Drawn, work: GenerateSettings) -> GeneratedImage:
    """The row of one sample."""
    asset, request, sample = task.asset, task.request, drawn.sample
    assert request is not None
    assert request.seed is not None
    assert task.question is not None
    return GeneratedImage(
        key=task.key,
        asset_id=asset.asset_id,
        sample_number=int(task.question.question_id),
        rank=drawn.rank,
        score=drawn.score,
        text=request.text,
        prompt=request.told,
        seed=request.seed,
        image=drawn.image,
        media_type=drawn.media_type,
        height=drawn.height,
        width=drawn.width,
        codes=sample.codes.reshape(-1),
        codes_height=sample.codes.shape[0],
        codes_width=sample.codes.shape[1],
        tokenizer_hash=drawn.tokenizer_hash,
        mean_logprob=sample.mean_logprob,
        contrasted=sample.contrasted,
        settings=settings_json(work),
        neighbors=drawn.neighbors,
        uri=asset.uri,
        sha256=task.image.sha256 if task.image else "",
        license=asset.license,
        source=asset.source,
        shown=tuple(one.uri for one in drawn.shown),
        shown_sha256=tuple(one.sha256 for one in drawn.shown),
        shown_licenses=tuple(one.license for one in drawn.shown),
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )


def provenance_of(drawn: Drawn, work: GenerateSettings) -> Provenance:
    """What the file of a sample says of itself."""
    assert drawn.request.seed is not None
    choice = {**dataclasses.asdict(work.choice), "sample": drawn.number}
    return Provenance(
        software=f"Calumma/{version('calumma')}",
        model=work.source.name,
        revision=work.source.revision,
        prompt=drawn.request.told,
        seed=drawn.request.seed,
        settings=json.dumps(choice, sort_keys=True),
        edits=drawn.edits,
        ingredients=tuple(one.sha256 for one in drawn.shown),
    )


def settings_json(work: GenerateSettings) -> str:
    """How a job chooses codes, as JSON text: what :class:`ImageSettings` holds."""
    return json.dumps(dataclasses.asdict(work.choice), sort_keys=True)
