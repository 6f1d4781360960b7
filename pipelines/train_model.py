"""Training a language model on documents: checks, data, model, loop, result."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator

from models.checkpoint import pick_dtype
from models.source import ModelSource, resolve_model
from models.tokenizer_hash import tokenizer_hash
from models.vocabulary_hash import vocabulary_hash
from pipelines.run_job import tell
from pipelines.train_config import ModelTrainingConfig
from pipelines.train_progress import TrainingProgress
from pipelines.training_folder import check_folder, is_finished
from storage.documents import count_sequences
from storage.uris import absolute_uri
from training.chameleon import (
    Adapters,
    Shape,
    add_adapters,
    check_trainable,
    load_for_training,
    random_model,
    read_limits,
    save_model,
)
from training.document_sets import check_documents, open_documents
from training.document_stream import DocumentSet, DocumentStream, StreamSettings
from training.ending import EndedEarlyError
from training.finished import write_finished
from training.language_model import LanguageModelObjective
from training.loop import Loop, LoopSettings, start_process, whole_identity
from training.objective import Batch

# What does not change what is learnt, or is part of what does by its content.
_NOT_OF_THE_IDENTITY = (
    *("out", "documents", "workers", "model", "revision", "dtype", "merge", "steps", "epochs"),
    *("validation", "validation_sequences", "validate_every", "save_every", "log_every"),
)


def train_model(config: ModelTrainingConfig) -> int:
    """Train a model, or go on; give the exit code.

    Raises:
        CalummaError: the documents or the model cannot be used, or the training failed.

    """
    out = Path(config.out)
    check_folder(out)
    source = resolve_model(config.model, config.revision)
    check_trainable(source)
    sets, held_out = _documents(config, source)
    accelerator = start_process(config.seed)
    stream = DocumentStream(sets, _stream_settings(config, source, accelerator))
    settings = _loop_settings(config, sets, accelerator)
    identity = _identity(config, settings, source)
    if is_finished(out, whole_identity(identity, stream, accelerator)):
        if accelerator.is_main_process:
            tell(f"{out} holds this training, and it is done.")
        return 0
    model, trained = _build(config, source, settings.dtype)
    progress = TrainingProgress()
    loop = Loop(
        LanguageModelObjective(
            trained, attend_across=config.attend_across, image_weight=config.image_weight
        ),
        stream,
        settings,
        out,
        accelerator=accelerator,
        watcher=progress,
        identity=identity,
        validation=_validation(config, held_out, source, accelerator),
    )
    started = time.time()
    try:
        measured = loop.run()
    except EndedEarlyError as error:
        progress.end()
        if accelerator.is_main_process:
            print(f"calumma: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 128 + error.number
    finally:
        progress.end()
    if accelerator.is_main_process:
        receipt = {
            "identity": whole_identity(identity, stream, accelerator),
            "configuration": asdict(config),
            "began_with": {"model": source.name, "revision": source.revision},
            "steps": settings.steps,
            "held_out": measured,
            "started": started,
            "finished": time.time(),
        }
        write_finished(
            out, lambda folder: save_model(model, source, folder, merge=config.merge), receipt
        )
        _tell_result(config, out)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return 0


def _documents(
    config: ModelTrainingConfig, source: ModelSource
) -> tuple[list[DocumentSet], list[DocumentSet]]:
    """What is learnt from, and what is held out: checked together, for hashes read weights."""
    sets = open_documents([absolute_uri(uri) for uri in config.documents], config.mixing)
    held_out = []
    if config.validation:
        held_out = open_documents([absolute_uri(uri) for uri in config.validation])
    _, longest = read_limits(source)
    check_documents(
        [*sets, *held_out],
        model=source.name,
        vocabulary_hash=vocabulary_hash(source),
        tokenizer_hash=tokenizer_hash(source),
        longest=longest,
        attend_across=config.attend_across,
    )
    return sets, held_out


def _stream_settings(
    config: ModelTrainingConfig, source: ModelSource, accelerator: Accelerator
) -> StreamSettings:
    vocabulary, longest = read_limits(source)
    return StreamSettings(
        batch_size=config.batch_size,
        seed=config.seed,
        vocabulary=vocabulary,
        longest=longest,
        attend_across=config.attend_across,
        share_beginnings=config.share_beginnings,
        buffer=config.shuffle_buffer,
        workers=config.workers,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
    )


def _loop_settings(
    config: ModelTrainingConfig, sets: Sequence[DocumentSet], accelerator: Accelerator
) -> LoopSettings:
    steps = config.steps
    if steps is None:
        assert config.epochs is not None
        count = sum(count_sequences(one.groups) for one in sets)
        each = config.batch_size * config.accumulation * accelerator.num_processes
        steps = max(1, -int(-config.epochs * count // each))
    reduced = str(pick_dtype(config.dtype, accelerator.device)) == "torch.bfloat16"
    return LoopSettings(
        steps=steps,
        accumulation=config.accumulation,
        learning_rate=config.learning_rate,
        warmup_steps=min(config.warmup_steps, steps // 10),
        schedule=config.schedule,
        weight_decay=config.weight_decay,
        betas=(config.betas[0], config.betas[1]),
        clip_norm=config.clip_norm,
        dtype="bfloat16" if reduced else "float32",
        seed=config.seed,
        save_every=config.save_every,
        validate_every=config.validate_every,
        log_every=config.log_every,
    )


def _identity(
    config: ModelTrainingConfig, settings: LoopSettings, source: ModelSource
) -> dict[str, object]:
    named = {
        name: value for name, value in asdict(config).items() if name not in _NOT_OF_THE_IDENTITY
    }
    named |= {"model": source.revision, "steps": settings.steps, "dtype": settings.dtype}
    return named


def _build(
    config: ModelTrainingConfig, source: ModelSource, dtype: Literal["float32", "bfloat16"]
) -> tuple[Any, Any]:
    """What is saved at the end, and the model that is run."""
    if config.initialize == "random":
        shape = Shape(width=config.width, layers=config.layers, heads=config.heads, ff=config.ff)
        model = random_model(source, shape, config.seed)
        return model, model
    if config.lora_rank is None:
        model = load_for_training(source, "float32")
        return model, model
    adapters = Adapters(
        rank=config.lora_rank,
        alpha=config.lora_alpha or 2 * config.lora_rank,
        targets=config.lora_targets,
    )
    # What is not trained may be kept as it is computed.
    adapted = add_adapters(load_for_training(source, dtype), adapters, source)
    return adapted, adapted.get_base_model()


def _validation(
    config: ModelTrainingConfig,
    sets: Sequence[DocumentSet],
    source: ModelSource,
    accelerator: Accelerator,
) -> Any:
    if not sets:
        return None
    stream = DocumentStream(sets, _stream_settings(config, source, accelerator))

    def held_out() -> Iterator[Batch]:
        return stream.once(config.validation_sequences)

    return held_out


def _tell_result(config: ModelTrainingConfig, out: Path) -> None:
    if config.lora_rank is not None:
        tell(f"Adapters: {out}/adapter")
    if config.lora_rank is None or config.merge:
        tell(f"Model: {out}")
        tell(f"Next: calumma caption PICTURES OUT --model {out}")
    tell(f"How it went: tensorboard --logdir {out}/logs")
