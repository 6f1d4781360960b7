"""Loading a checkpoint with its processor, so that nothing about it is left to chance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from models.checkpoint import check_weights, loading, pick_device, pick_dtype
from models.families import Family, family_of
from models.files import model_folder
from models.source import ModelSource
from schemas.errors import ModelError

# No processor may cut a prompt, or warn about its length: what is too long becomes a failed row.
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model on its device, with what belongs to it.

    Attributes:
        model: a transformers ``PreTrainedModel`` in evaluation mode.
        processor: its transformers ``ProcessorMixin``.
        dtype: of the weights, the modules that its family keeps in float32 apart.

    """

    source: ModelSource
    family: Family
    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype


def load_model(
    source: ModelSource, *, device: str | None = None, dtype: str | None = None
) -> LoadedModel:
    """Load a model and its processor.

    Args:
        device: None picks CUDA, MPS or the CPU, whichever is there first.
        dtype: None picks bfloat16 on an accelerator and float32 on the CPU.

    Raises:
        ModelError: it cannot be loaded, lacks weights, or is of another kind.

    """
    chosen_device = pick_device(device)
    chosen_dtype = pick_dtype(dtype, chosen_device)
    family = family_of(source.model_type)
    folder = model_folder(source, weights=True)
    with loading(source):
        processor = load_processor(source)
        model = _load_weights(folder, source, family, chosen_dtype).to(chosen_device).eval()
    _prepare_tokenizers(source, family, processor)
    return LoadedModel(
        source=source,
        family=family,
        model=model,
        processor=processor,
        device=chosen_device,
        dtype=chosen_dtype,
    )


def load_processor(source: ModelSource) -> Any:
    """Load a checkpoint's processor: see transformers' ``AutoProcessor``; no weights are needed."""
    image_backend = family_of(source.model_type).image_backend
    backend = {} if image_backend is None else {"backend": image_backend}
    return AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        model_folder(source, weights=False),
        trust_remote_code=source.trust_remote_code,
        **backend,
    )


def _load_weights(folder: Path, source: ModelSource, family: Family, dtype: torch.dtype) -> Any:
    model_class: Any = AutoModelForImageTextToText
    if family.float32_modules:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=source.trust_remote_code)
        base: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
        # The library's own switch for this is an attribute of the class; a subclass leaves
        # everybody else's class alone. By its name and module the library finds how weights
        # were renamed since they were saved.
        attributes = {
            "_keep_in_fp32_modules_strict": set(family.float32_modules),
            "__module__": base.__module__,
        }
        model_class = type(base.__name__, (base,), attributes)
    # The library takes SDPA by itself wherever the architecture supports it.
    model, info = model_class.from_pretrained(
        folder,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        # Said below, where the library only prints them.
        ignore_mismatched_sizes=True,
        trust_remote_code=source.trust_remote_code,
    )
    check_weights(source, info)
    return model


def _prepare_tokenizers(source: ModelSource, family: Family, processor: Any) -> None:
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None:
        raise ModelError(
            f"The processor of the model {source.name} has no tokenizer. Save it again with "
            "processor.save_pretrained(folder)."
        )
    if family.query_tokens and getattr(processor, "num_query_tokens", None) is None:
        raise ModelError(
            f"The processor of the model {source.name} has no num_query_tokens, so the model "
            "would ignore every picture. Set it in processor_config.json to that of config.json."
        )
    tokenizer.model_max_length = _NO_LIMIT
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if family.qformer_text:
        processor.qformer_tokenizer.model_max_length = _NO_LIMIT
