"""The tiny checkpoints by the model type that they stand for."""

from collections.abc import Callable

from tests.models.checkpoints.chat import (
    build_idefics3,
    build_llava,
    build_qwen2_vl,
    build_smolvlm,
)
from tests.models.checkpoints.plain import (
    build_blip_2,
    build_florence2,
    build_instructblip,
    build_paligemma,
)
from tests.models.checkpoints.token_models import build_chameleon, build_emu3, build_janus

BUILDERS: dict[str, Callable[[str], None]] = {
    "chameleon": build_chameleon,
    "llava": build_llava,
    "qwen2_vl": build_qwen2_vl,
    "smolvlm": build_smolvlm,
    "idefics3": build_idefics3,
    "paligemma": build_paligemma,
    "blip-2": build_blip_2,
    "instructblip": build_instructblip,
    "florence2": build_florence2,
    "janus": build_janus,
    "emu3": build_emu3,
}
ONE_PICTURE = ("blip-2", "instructblip", "florence2")
