"""Training on a catalog's pictures: checks, loop, result."""

import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from accelerate import Accelerator

from pipelines.run_job import tell
from pipelines.train_progress import TrainingProgress
from pipelines.training_folder import check_folder, is_finished
from training.clip_config import ClipConfig
from training.ending import EndedEarlyError
from training.finished import write_finished
from training.journal import Watcher
from training.loop import Loop, start_process, whole_identity
from training.picture_batches import PictureBatches
from training.picture_training import PictureTraining
from training.settings_of import identity_of, loop_settings
from training.tokenizer_config import TokenizerConfig
from training.train_clip import prepare_clip
from training.train_tokenizer import prepare_tokenizer


def train_pictures(config: TokenizerConfig | ClipConfig, watcher: Watcher | None = None) -> int:
    """Train, or go on; give the exit code.

    Args:
        watcher: told how it goes; None for the terminal.

    Raises:
        CalummaError: the catalog cannot be used, or the training failed.

    """
    out = Path(config.out)
    check_folder(out)
    accelerator = start_process(config.training.seed)
    progress = TrainingProgress()
    training = prepare_clip(config) if isinstance(config, ClipConfig) else prepare_tokenizer(config)
    try:
        with closing(training.pictures):
            return _train(config, training, accelerator, watcher or progress)
    except EndedEarlyError as error:
        progress.end()
        if accelerator.is_main_process:
            print(f"calumma: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 128 + error.number
    finally:
        progress.end()


def _train(
    config: TokenizerConfig | ClipConfig,
    training: PictureTraining,
    accelerator: Accelerator,
    watcher: Watcher,
) -> int:
    out = Path(config.out)
    batches = PictureBatches(
        training.pictures,
        config.training.batch_size,
        processes=accelerator.num_processes,
        process=accelerator.process_index,
    )
    batches.check_enough()
    named = identity_of(config, training.apart)
    identity = whole_identity(named, batches, accelerator)
    if is_finished(out, identity):
        if accelerator.is_main_process:
            tell(f"{out} holds this training, and it is done.")
        return 0
    started = time.time()
    measured = Loop(
        training.objective,
        batches,
        loop_settings(config.training),
        out,
        accelerator=accelerator,
        watcher=watcher,
        identity=named,
        validation=batches.held_out,
    ).run()
    if accelerator.is_main_process:
        receipt = {
            "identity": identity,
            "configuration": asdict(config),
            "held_out": measured,
            "failures": training.pictures.failures,
            "started": started,
            "finished": time.time(),
        }
        write_finished(out, training.write, receipt)
        _tell_result(config, training, measured)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return 0


def _tell_result(
    config: TokenizerConfig | ClipConfig, training: PictureTraining, measured: Mapping[str, float]
) -> None:
    if training.pictures.failures:
        tell(training.pictures.failures)
    found = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in measured.items())
    tell(f"Held out: {found}")
    tell(f"Model: {config.out}")
    job = "embed" if isinstance(config, ClipConfig) else "tokenize"
    tell(f"Next: calumma {job} {config.catalog} OUT --model {config.out}")
    tell(f"How it went: tensorboard --logdir {config.out}/logs")
