"""What a training step of a tokenizer costs, by number format and by decoder.

``python -m bench.tokenizer_step [--rounds N]``: processor time of one thread, in milliseconds a
picture, and as a part of what the default costs in float32. All are measured in turns, so the
ratios hold beside other work too.
"""

import argparse
import time

import torch
from transformers import ChameleonVQVAEConfig

from models.vq_decoder import ShuffleLayout
from training.optimizer import build_optimizer
from training.vq_losses import LossWeights
from training.vq_objective import CodebookSettings, VqObjective

PICTURES = 32
DECODERS = {
    "128, 128, 64": ShuffleLayout(channels=(128, 128, 64), blocks=2, shuffle=2),
    "128, 64, 64": ShuffleLayout(channels=(128, 64, 64), blocks=2, shuffle=2),
    "128, 64, 64, one block": ShuffleLayout(channels=(128, 64, 64), blocks=1, shuffle=2),
    "128, 128, shuffle 4": ShuffleLayout(channels=(128, 128), blocks=2, shuffle=4),
}


class Variant:
    """A tokenizer of the default encoder, and its optimizer."""

    def __init__(self, layout: ShuffleLayout, *, reduced: bool) -> None:
        torch.manual_seed(0)
        config = ChameleonVQVAEConfig(
            resolution=64,
            base_channels=32,
            channel_multiplier=[1, 2, 2, 4],
            num_res_blocks=1,
            latent_channels=64,
            attn_resolutions=[],
            embed_dim=16,
            num_embeddings=512,
        )
        self._objective = VqObjective(
            config,
            layout,
            CodebookSettings(),
            LossWeights(foreground=3.0),
            steps=1_000_000,
            first_pictures=lambda: iter(()),
        ).train()
        torch.nn.init.normal_(self._objective.codebook.vectors)
        self._objective.step.fill_(1000)  # the codebook is in use
        self._optimizer = build_optimizer(self._objective, weight_decay=0, betas=(0.9, 0.99))
        self._reduced = reduced

    def step(self, pixels: torch.Tensor) -> float:
        """Take a step; give its processor time in seconds."""
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=self._reduced):
            loss = self._objective({"pixels": pixels})["loss"]
        (loss[0] / len(pixels)).backward()
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._objective.after_step()
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tokenizer_step", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds: int = parser.parse_args().rounds
    torch.set_num_threads(1)
    variants = {
        f"{name}; {dtype}": Variant(layout, reduced=dtype == "bfloat16")
        for name, layout in DECODERS.items()
        for dtype in ("float32", "bfloat16")
    }
    pixels = torch.randint(0, 256, (PICTURES, 3, 64, 64), dtype=torch.uint8)
    costs: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, variant in variants.items():
            cost = variant.step(pixels) / PICTURES * 1000
            if number:  # the first one warms up
                costs[name] = min(costs.get(name, cost), cost)
    first = next(iter(costs.values()))
    for name, cost in costs.items():
        print(f"{name:36s} {cost:6.1f} ms a picture, {cost / first:.2f}")


if __name__ == "__main__":
    main()
