"""Rows of the jobs that turn pictures into codes or make pictures."""

import numpy as np

from models.image_tokens import ImageCodes
from schemas.image_tokens import ImageTokens
from schemas.reconstruction import Reconstruction
from schemas.structure import Structure
from storage.fetching.policy import resolve_uri
from transforms.items import Task
from transforms.reconstructed import Reconstructed
from transforms.settings import StructureSettings, TokenizeSettings, WorkSettings
from transforms.structured import Structured


def tokens_row(task: Task, result: ImageCodes, work: WorkSettings, file: str) -> ImageTokens:
    """A picture as codes."""
    asset, framed = task.asset, result.framed
    assert isinstance(work, TokenizeSettings)
    assert task.image is not None
    assert framed is not None
    part = framed.crop or framed.content
    return ImageTokens(
        key=task.key,
        asset_id=asset.asset_id,
        crop_number=int(task.question.question_id) if task.question else 0,
        # As it can be found from anywhere: who makes pictures of the codes knows no catalog.
        uri=resolve_uri(asset.uri, file.rpartition("/")[0]) if asset.uri else "",
        text=asset.text,
        license=asset.license,
        source=asset.source,
        codes=result.codes.reshape(-1),
        height=result.codes.shape[0],
        width=result.codes.shape[1],
        frame_height=framed.height,
        frame_width=framed.width,
        framing=framed.rule,
        resolution=work.framing.resolution or 0,
        part=np.array(
            [part.top, part.left, part.height, part.width] if part else [], dtype=np.int32
        ),
        sha256=task.image.sha256,
        tokenizer_hash=result.tokenizer_hash,
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )


def reconstruction_row(task: Task, result: Reconstructed, work: WorkSettings) -> Reconstruction:
    """A picture made of codes."""
    asset, tokens = task.asset, task.tokens
    assert tokens is not None
    return Reconstruction(
        key=task.key,
        asset_id=asset.asset_id,
        crop_number=tokens.crop_number,
        uri=asset.uri,
        text=asset.text,
        license=asset.license,
        source=asset.source,
        image=result.image,
        height=result.height,
        width=result.width,
        psnr=result.psnr,
        ssim=result.ssim,
        framing=tokens.framing,
        resolution=tokens.resolution,
        sha256=tokens.sha256,
        tokens_key=tokens.key,
        tokenizer_hash=tokens.tokenizer_hash,
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )


def structure_row(task: Task, result: Structured, work: WorkSettings) -> Structure:
    """A feature of a picture."""
    asset = task.asset
    assert isinstance(work, StructureSettings)
    assert task.image is not None
    return Structure(
        key=task.key,
        asset_id=asset.asset_id,
        feature=work.feature,
        uri=asset.uri,
        text=asset.text,
        license=asset.license,
        source=asset.source,
        image=result.image,
        height=result.height,
        width=result.width,
        sha256=task.image.sha256,
        settings=result.settings,
        attributes=asset.attributes,
    )
