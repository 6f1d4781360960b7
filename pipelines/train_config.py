"""How a model is trained. Imported for ``--help``: no torch here.

Each field is a name in the configuration file and a flag that wins over it; the texts below the
fields are their help.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from pipelines.catalog_config import check
from schemas.errors import UsageError

_DATA = Parameter(group=Group("Documents", sort_key=1))
_MODEL = Parameter(group=Group("Model", sort_key=2))
_STEPS = Parameter(group=Group("Steps", sort_key=3))
_SAVING = Parameter(group=Group("Checkpoints and held-out documents", sort_key=4))


@dataclass(frozen=True, kw_only=True)
class ModelTrainingConfig:
    """How a language model is trained on documents.

    Raises:
        UsageError: a value is out of range, or does not go with another.

    """

    out: Annotated[str, _SAVING]
    """Folder for the model, its checkpoints and logs; on this machine's disk."""
    documents: Annotated[tuple[str, ...], _DATA]
    """Folder that calumma assemble has written to, or several of them."""
    mixing: Annotated[tuple[float, ...], _DATA] = ()
    """How often a sequence is taken from each of them; by default all are one set."""
    attend_across: Annotated[bool, _DATA] = False
    """Let the documents of a sequence see those before them."""
    share_beginnings: Annotated[bool, _DATA] = False
    """Read a picture once that several documents begin with: questions about it, say."""
    image_weight: Annotated[float, _DATA] = 1.0
    """Weight of a picture's tokens in the loss, by which those of the documents are multiplied."""
    shuffle_buffer: Annotated[int, _DATA] = 4096
    """Documents that are shuffled together, beside the order of files."""
    workers: Annotated[int, _DATA] = 2
    """Threads that read ahead; any number gives the same order."""
    model: Annotated[str, _MODEL] = "calumma-tiny"
    """Model to begin with: calumma-tiny (inside the package), a folder, or a hub id."""
    revision: Annotated[str | None, _MODEL] = None
    """Branch, tag or commit of a hub model."""
    initialize: Annotated[Literal["checkpoint", "random"], _MODEL] = "checkpoint"
    """Begin with the model's weights, or with random ones and its tokenizers."""
    width: Annotated[int | None, _MODEL] = None
    """Width of a model of random weights; by default the model's own."""
    layers: Annotated[int | None, _MODEL] = None
    """Layers, likewise."""
    heads: Annotated[int | None, _MODEL] = None
    """Heads of attention, likewise."""
    ff: Annotated[int | None, _MODEL] = None
    """Width of the feed-forward layers, likewise."""
    dtype: Annotated[Literal["float32", "bfloat16"] | None, _MODEL] = None
    """Arithmetic; by default bfloat16 on a GPU. What is trained is kept in float32."""
    lora_rank: Annotated[int | None, _MODEL] = None
    """Train adapters of this rank and leave the weights as they are."""
    lora_alpha: Annotated[int | None, _MODEL] = None
    """Adapters are scaled by this divided by their rank; by default it is twice the rank."""
    lora_targets: Annotated[tuple[str, ...], _MODEL] = ("q_proj", "k_proj", "v_proj", "o_proj")
    """Linear layers that get an adapter, by the ends of their names."""
    merge: Annotated[bool, _MODEL] = True
    """Write a model with the adapters added to its weights, beside the adapters."""
    steps: Annotated[int | None, _STEPS] = None
    """Steps of the optimizer; this or epochs must be given."""
    epochs: Annotated[float | None, _STEPS] = None
    """Times that all documents are read."""
    batch_size: Annotated[int, _STEPS] = 8
    """Sequences that one process computes at once."""
    accumulation: Annotated[int, _STEPS] = 1
    """Batches of each process in a step."""
    learning_rate: Annotated[float, _STEPS] = 1e-4
    """The largest learning rate."""
    warmup_steps: Annotated[int, _STEPS] = 100
    """Steps over which it rises; a tenth of all where there are fewer than ten times as many."""
    schedule: Annotated[Literal["cosine", "linear"], _STEPS] = "cosine"
    """How it falls to 0 after that."""
    weight_decay: Annotated[float, _STEPS] = 0.1
    """Weight decay of AdamW, on matrices."""
    betas: Annotated[tuple[float, ...], _STEPS] = (0.9, 0.95)
    """Decay of AdamW's two moments."""
    clip_norm: Annotated[float, _STEPS] = 1.0
    """Gradients are scaled down to this norm."""
    seed: Annotated[int, _STEPS] = 0
    """Seed of the order of documents and of random weights."""
    validation: Annotated[tuple[str, ...], _SAVING] = ()
    """Folder of held-out documents, or several, whose loss is measured."""
    validation_sequences: Annotated[int, _SAVING] = 1024
    """Measure with so many sequences of them at most."""
    validate_every: Annotated[int, _SAVING] = 1000
    """Steps between measurements."""
    save_every: Annotated[int, _SAVING] = 1000
    """Steps between checkpoints; the newest two are kept."""
    log_every: Annotated[int, _SAVING] = 10
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        for name in (
            *("shuffle_buffer", "width", "layers", "heads", "ff", "lora_rank", "lora_alpha"),
            *("steps", "batch_size", "accumulation", "validation_sequences", "validate_every"),
            *("save_every", "log_every"),
        ):
            check(self, name, at_least=1)
        for name in ("workers", "warmup_steps", "weight_decay", "seed"):
            check(self, name, at_least=0)
        for name in ("learning_rate", "clip_norm", "epochs", "image_weight"):
            check(self, name, above=0)
        self._check_documents()
        self._check_model()

    def _check_documents(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise UsageError("Say how long to train: steps or epochs, one of the two.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError("betas must be two numbers from 0 to below 1.")
        if not self.documents:
            raise UsageError("documents must name a folder that calumma assemble has written to.")
        if self.share_beginnings and self.epochs is not None:
            raise UsageError(
                "With share_beginnings sequences are made as they are read, and not counted "
                "beforehand: give steps instead of epochs."
            )
        if self.share_beginnings and self.attend_across:
            raise UsageError("Documents cannot share their beginning and attend across: choose.")
        if not self.mixing:
            return
        if len(self.mixing) != len(self.documents) or min(self.mixing) <= 0:
            raise UsageError(
                f"mixing must have a number above 0 for each of the {len(self.documents)} folders "
                f"of documents, not {list(self.mixing)}."
            )
        if self.epochs is not None:
            raise UsageError("With mixing each folder has epochs of its own: give steps instead.")

    def _check_model(self) -> None:
        shape = [name for name in ("width", "layers", "heads", "ff") if getattr(self, name)]
        if shape and self.initialize != "random":
            raise UsageError(
                f"{shape[0]} is for models that begin with random weights: add "
                'initialize = "random", or leave it out.'
            )
        if self.lora_rank is None and self.lora_alpha is not None:
            raise UsageError("lora_alpha needs lora_rank.")
        if self.lora_rank is not None and self.initialize == "random":
            raise UsageError("Adapters change weights that are good already, not random ones.")
        if "://" in self.out:
            raise UsageError(
                f"out must be a folder on a disk of this machine, not {self.out}: checkpoints are "
                "renamed when they are whole."
            )
