"""The documents that variants learn from, and those that they are measured on."""

from collections.abc import Collection, Mapping

from bench.ablations.held import write_gaps, write_questions
from bench.ablations.place import CONTEXT, NEIGHBORS, TEMPLATES, Place, made
from bench.ablations.plan import INSTRUCTIONS, VARIANTS

_PLAIN = "left_to_right"
_QUESTIONS_EACH = 10
# Of all questions about a picture; each is one of many, and texts are as many as pictures.
_QUESTIONS_KEPT = 0.2
_WEIGHTS = {"picture-0.1": 0.1}
_DROPOUT: Mapping[str, float] = {"text": 0.0, "text-dropout": 0.2}


def make_documents(place: Place, names: Collection[str]) -> None:
    """Search and assemble what is not there yet.

    Args:
        names: variants that are to be trained.

    """
    variants = [VARIANTS[name] for name in VARIANTS if name in names]
    for retrieval, share in _DROPOUT.items():
        if any(one.retrieval == retrieval for one in variants):
            _search(place, retrieval, share)
    for variant in variants:
        for name in variant.sets:
            template = name.removesuffix(f"-{variant.retrieval}")
            _assemble_known(place, name, template, variant.retrieval)
    write_questions(place)
    write_gaps(place)
    for template in INSTRUCTIONS:
        for count in NEIGHBORS:
            _assemble_held(place, template, count)
    _assemble_held(place, _PLAIN, 0)
    _assemble(place, "held", "filled", place.out / "held" / "gaps.parquet", "filled")


def _search(place: Place, retrieval: str, dropout: float) -> None:
    out = place.out / "neighbors" / retrieval
    catalog, index = place.catalog("known", "pictures"), place.recipe / "index"
    # Of long texts there are hundreds, of short ones two dozen.
    options = ["--of", "text", "--columns.text", "long", "--k", "2", "--max-similarity", "0.98"]
    model = ["--model", place.recipe / "clip", "--limit", place.sizes.pictures]
    made("neighbors", catalog, index, out, *options, "--query-dropout", dropout, *model)


def _assemble_known(place: Place, name: str, template: str, retrieval: str) -> None:
    options: list[object] = []
    if retrieval in _DROPOUT:
        options += ["--neighbors", place.out / "neighbors" / retrieval]
    elif retrieval != "none":
        options += ["--neighbors", place.recipe / "neighbors" / "known"]
        options += ["--retrieved-weight", _WEIGHTS.get(retrieval, 1)]
    rows = place.sizes.pictures
    catalog = place.catalog("known", "pictures")
    if template == "ask":
        # Rows of a picture stand together.
        rows *= _QUESTIONS_EACH
        catalog = place.catalog("known", "questions")
        options += ["--columns.id", "question_id", "--copies", _QUESTIONS_KEPT]
    _assemble(place, "known", name, catalog, template, "--limit", rows, *options)


def _assemble_held(place: Place, template: str, count: int) -> None:
    options = ["--neighbors", place.recipe / "neighbors" / "held", "--k", count]
    options += ["--no-draw-count", "--retrieved-weight", 0]
    catalog = place.catalog("held", "pictures")
    if template == "ask":
        catalog = place.out / "held" / "questions.parquet"
        options += ["--columns.id", "question_id"]
    else:
        options += ["--limit", place.sizes.held]
    _assemble(place, "held", f"{template}-{count}", catalog, template, *options)


def _assemble(
    place: Place, split: str, name: str, catalog: object, template: str, *options: object
) -> None:
    out = place.documents(split, name)
    # What is held out has known pictures for neighbours.
    tokens = [place.recipe / "tokens" / one for one in dict.fromkeys((split, "known"))]
    codes = [part for one in tokens for part in ("--codes", one)]
    written = ["--template", TEMPLATES / f"{template}.toml", "--context", CONTEXT]
    made("assemble", catalog, out, *codes, "--model", place.tokenizer, *written, *options)
