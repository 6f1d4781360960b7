"""The command ``calumma train``, with a command of its own for each thing that is trained."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from pipelines.parameters import FLAT
from pipelines.train_config import ModelTrainingConfig
from training.clip_config import ClipConfig
from training.tokenizer_config import TokenizerConfig

ConfigOfTraining = Annotated[
    Path, Parameter(help="TOML file of the options below, without the dashes before their names.")
]

train_app = App(
    name="train",
    help="Train a model, on this machine or, with accelerate launch, on several GPUs.",
    help_format="plaintext",
)


@train_app.command
def model(
    config_file: ConfigOfTraining,  # noqa: ARG001 - taken before the rest is read
    /,
    *,
    config: Annotated[ModelTrainingConfig, FLAT],
) -> int:
    """Train a language model of Chameleon's architecture on documents.

    For example:
    calumma train model training.toml

    Ended at any moment, the same command goes on.
    """
    from training.extra import check_extra

    check_extra()
    # Imports torch, which help must not wait for.
    from pipelines.train_model import train_model

    return train_model(config)


@train_app.command
def tokenizer(
    config_file: ConfigOfTraining,  # noqa: ARG001 - taken before the rest is read
    /,
    *,
    config: Annotated[TokenizerConfig, FLAT],
) -> int:
    """Train a VQ tokenizer, of Chameleon's layout, on a catalog of pictures.

    For example:
    calumma train tokenizer tokenizer.toml

    Ended at any moment, the same command goes on.
    """
    return _train_pictures(config)


@train_app.command
def clip(
    config_file: ConfigOfTraining,  # noqa: ARG001 - taken before the rest is read
    /,
    *,
    config: Annotated[ClipConfig, FLAT],
) -> int:
    """Train a small dual encoder (CLIP) on a catalog of pictures with texts.

    For example:
    calumma train clip clip.toml

    Ended at any moment, the same command goes on.
    """
    return _train_pictures(config)


def _train_pictures(config: TokenizerConfig | ClipConfig) -> int:
    from training.extra import check_extra

    check_extra()
    # Imports torch, which help must not wait for.
    from pipelines.train_pictures import train_pictures

    return train_pictures(config)
