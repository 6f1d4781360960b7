"""An open checkpoint without sentinels, fine-tuned on an instruction set by the command line."""

import json
from pathlib import Path

from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, read_table, write_parquet
from tests.models.altered import edit_json
from tests.models.checkpoints.parts import WORDS
from tests.models.checkpoints.token_models import build_chameleon

_TEMPLATE = """
task = "describe"
[[layouts]]
text = "{image}describe this picture<sep>{text}"
learn = ["text"]
mask = "none"
"""


def test_adapters_teach_a_chameleon_what_a_set_says(
    tmp_path: Path, pictures: Path, run_json: RunJson, one_thread: None
) -> None:
    base = str(tmp_path / "base")
    build_chameleon(base)
    # Left out, it may end a text, as published ones do.
    edit_json(Path(base, "generation_config.json"), suppress_tokens=None)
    text = " ".join(WORDS[5:8])
    ids = [path.name for path in sorted(pictures.glob("*.png"))[:12]]
    uris = [str(pictures / name) for name in ids]
    catalog = write_parquet(
        tmp_path / "c.parquet", {"id": ids, "uri": uris, "text": [text] * len(ids)}
    )
    (tmp_path / "describe.toml").write_text(_TEMPLATE)
    run_json("tokenize", catalog, tmp_path / "codes", "--model", base)
    assembled = run_json(
        "assemble",
        catalog,
        tmp_path / "documents",
        *("--codes", tmp_path / "codes", "--model", base),
        *("--template", tmp_path / "describe.toml", "--copies", 4),
    )
    assert assembled["counts"]["rows_out"] == 48
    settings: dict[str, object] = {
        "model": base,
        "documents": str(tmp_path / "documents"),
        "out": str(tmp_path / "trained"),
        "steps": 60,
        "batch_size": 2,
        "learning_rate": 3e-2,
        "warmup_steps": 5,
        "lora_rank": 4,
        "lora_targets": ["q_proj", "v_proj", "up_proj", "down_proj"],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (tmp_path / "training.toml").write_text("\n".join(lines))
    assert run(["train", "model", str(tmp_path / "training.toml")]) == 0
    asked = ("--prompt", "describe this picture", "--max-new-tokens", 4)
    for model, learnt in ((base, 0), (tmp_path / "trained", len(ids))):
        out = tmp_path / f"said-{learnt}"
        run_json("caption", catalog, out, "--model", model, *asked)
        assert sum(row["text"] == text for row in read_table(out, "captions")) == learnt
