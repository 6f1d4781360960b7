"""``python -m transforms.beam_yaml`` prints where the list for a pipeline's ``providers`` lies."""

from pathlib import Path

print(Path(__file__).with_name("provider.yaml"))  # noqa: T201 - the command's result
