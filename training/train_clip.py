"""Training a small dual encoder from a catalog of pictures with texts."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from PIL.Image import Resampling

from schemas.errors import UsageError
from training.clip_config import ClipConfig, TextOptions, VisionOptions
from training.clip_objective import ClipObjective
from training.clip_parts import (
    ClipSizes,
    TowerSizes,
    build_model,
    build_processor,
    build_tokenizer,
    train_pieces,
)
from training.loop import CHECKPOINTS
from training.picture_stream import PictureStream
from training.picture_training import PictureTraining
from training.settings_of import stream_settings


def prepare_clip(config: ClipConfig) -> PictureTraining:
    """Open the catalog, find the pieces of its words, and build the model.

    Raises:
        UsageError: the configuration or the catalog does not serve.

    """
    settings = stream_settings(
        config.catalog, config.columns, config.pictures, config.training.seed
    )
    framer = replace(settings.framer, resample=Resampling.BICUBIC)
    pictures = PictureStream(
        replace(settings, framer=framer, texts=True), Path(config.out) / CHECKPOINTS
    )
    try:
        processor = _processor(config, pictures)
    except UsageError:
        pictures.close()
        raise
    model = build_model(processor, config.training.seed, _sizes(config))

    def write(folder: Path) -> None:
        # How the batches were padded and cut is no trait of the tokenizer.
        processor.tokenizer.backend_tokenizer.no_padding()
        processor.tokenizer.backend_tokenizer.no_truncation()
        model.eval().save_pretrained(folder)
        processor.save_pretrained(folder)

    return PictureTraining(
        pictures=pictures, objective=ClipObjective(model, processor), write=write
    )


def _processor(config: ClipConfig, pictures: PictureStream) -> Any:
    texts = list(pictures.texts(config.text.texts))
    if not texts:
        raise UsageError(
            f"{config.catalog} has no texts in its first {config.text.texts:,} rows. Name their "
            'column in the configuration: columns = { text = "..." }.'
        )
    tokenizer = build_tokenizer(train_pieces(texts, config.text.vocabulary), config.text.positions)
    squeezed = config.pictures.framing == "squeeze"
    return build_processor(_sizes(config), tokenizer, squeezed=squeezed)


def _sizes(config: ClipConfig) -> ClipSizes:
    return ClipSizes(
        vision=_tower(config.vision),
        text=_tower(config.text),
        side=config.pictures.resolution,
        patch=config.vision.patch,
        positions=config.text.positions,
        projection=config.projection,
    )


def _tower(options: VisionOptions | TextOptions) -> TowerSizes:
    names = TowerSizes.__dataclass_fields__
    return TowerSizes(**{name: value for name, value in asdict(options).items() if name in names})
