"""Training a VQ tokenizer from a catalog of pictures, to a folder that all jobs load."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import ChameleonVQVAEConfig

from models.source import resolve_image_tokenizer
from models.vq_decoder import ShuffleLayout
from schemas.errors import UsageError
from training.loop import CHECKPOINTS
from training.picture_stream import PictureStream
from training.picture_training import PictureTraining
from training.settings_of import stream_settings
from training.tokenizer_config import TokenizerConfig
from training.vq_losses import LossWeights
from training.vq_objective import CodebookSettings, VqObjective
from training.vq_package import TokenizerPackage

# Fewer vectors than this for each code, and k-means has little to find.
_LEAST_VECTORS = 4


def prepare_tokenizer(config: TokenizerConfig) -> PictureTraining:
    """Open the catalog and build the model.

    Raises:
        UsageError: the configuration or the catalog does not serve.
        ModelError: the base cannot be loaded.

    """
    base = resolve_image_tokenizer(config.base)
    package = TokenizerPackage(base, vq_config(config), config.context)
    pictures = PictureStream(
        stream_settings(config.catalog, config.columns, config.pictures, config.training.seed),
        Path(config.out) / CHECKPOINTS,
    )
    try:
        _check_codebook(config, pictures)
    except UsageError:
        pictures.close()
        raise
    objective = build_objective(config, pictures)
    return PictureTraining(
        pictures=pictures,
        objective=objective,
        write=lambda folder: package.write(objective, folder),
        apart=("base", "context"),
    )


def vq_config(config: TokenizerConfig) -> ChameleonVQVAEConfig:
    """The encoder's configuration, as the library has it."""
    encoder = config.encoder
    return ChameleonVQVAEConfig(
        resolution=config.pictures.resolution,
        base_channels=encoder.base_channels,
        channel_multiplier=list(encoder.channel_multiplier),
        num_res_blocks=encoder.residual_blocks,
        latent_channels=encoder.latent_channels,
        attn_resolutions=list(encoder.attention),
        attn_type="vanilla",
        embed_dim=config.codebook.dimensions,
        num_embeddings=config.codebook.size,
    )


def build_objective(config: TokenizerConfig, pictures: PictureStream) -> VqObjective:
    """The tokenizer before its training, of weights that torch's generator draws."""
    size = config.training.batch_size
    settings = {
        name: value
        for name, value in asdict(config.codebook).items()
        if name not in {"size", "dimensions"}
    }

    def first_pictures() -> Iterator[torch.Tensor]:
        for start in range(0, pictures.rows - size + 1, size):
            yield pictures.batch(start, size).pixels

    return VqObjective(
        vq_config(config),
        ShuffleLayout(
            channels=config.decoder.channels,
            blocks=config.decoder.residual_blocks,
            shuffle=config.decoder.pixel_shuffle,
        ),
        CodebookSettings(**settings),
        LossWeights(**asdict(config.loss)),
        steps=config.training.steps,
        first_pictures=first_pictures,
    )


def _check_codebook(config: TokenizerConfig, pictures: PictureStream) -> None:
    of_picture = (config.pictures.resolution // 2**config.encoder.doublings) ** 2
    wanted = _LEAST_VECTORS * config.codebook.size
    rows = pictures.rows
    if rows * of_picture < wanted:
        raise UsageError(
            f"{rows:,} pictures of {of_picture} codes each are too few for a codebook of "
            f"{config.codebook.size}: give at least {-(-wanted // of_picture):,}, or lower "
            "codebook.size."
        )
