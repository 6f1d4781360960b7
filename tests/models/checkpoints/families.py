"""The tiny checkpoints by the model type that they stand for."""

from collections.abc import Callable

from tests.models.checkpoints.any_size import (
    build_pixtral,
    build_qwen2_5_vl,
    build_qwen2_vl,
    build_qwen3_vl,
)
from tests.models.checkpoints.chat import (
    build_gemma3,
    build_idefics3,
    build_llava,
    build_smolvlm,
)
from tests.models.checkpoints.plain import (
    build_blip_2,
    build_blip_2_t5,
    build_florence2,
    build_instructblip,
    build_instructblip_t5,
    build_paligemma,
)
from tests.models.checkpoints.tiles import build_internvl, build_llava_next, build_mllama
from tests.models.checkpoints.token_models import build_chameleon, build_emu3, build_janus

BUILDERS: dict[str, Callable[[str], None]] = {
    "chameleon": build_chameleon,
    "llava": build_llava,
    "llava with pixtral": build_pixtral,
    "llava_next": build_llava_next,
    "qwen2_vl": build_qwen2_vl,
    "qwen2_5_vl": build_qwen2_5_vl,
    "qwen3_vl": build_qwen3_vl,
    "gemma3": build_gemma3,
    "internvl": build_internvl,
    "mllama": build_mllama,
    "smolvlm": build_smolvlm,
    "idefics3": build_idefics3,
    "paligemma": build_paligemma,
    "blip-2": build_blip_2,
    "blip-2 with t5": build_blip_2_t5,
    "instructblip": build_instructblip,
    "instructblip with t5": build_instructblip_t5,
    "florence2": build_florence2,
    "janus": build_janus,
    "emu3": build_emu3,
}
ONE_PICTURE = ("blip-2", "blip-2 with t5", "instructblip", "instructblip with t5", "florence2")
TILING = ("internvl", "llava_next", "mllama")
PLACEHOLDERS = {"chameleon": "<image>", "paligemma": "<image>"}
"""What is typed for each picture before the prompt, in families without chat."""
CHAT_PICTURES = {
    "llava": "<image>",
    "llava with pixtral": "[IMG]",
    "llava_next": "<image>",
    "qwen2_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "gemma3": "<start_of_image>",
    "internvl": "<IMG_CONTEXT>",
    "mllama": "<|image|>",
    "smolvlm": "<image>",
    "idefics3": "<image>",
    "janus": "<image_placeholder>",
    "emu3": "<image>",
}
"""What the chat template writes for each picture."""
