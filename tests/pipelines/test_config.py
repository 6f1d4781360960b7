"""Configurations: quick to import, explained field by field, checked when they are made."""

import ast
import dataclasses
import inspect
import itertools
import subprocess
import sys

import pytest

from pipelines.catalog_config import ColumnOptions
from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DescribeConfig,
    DuplicatesConfig,
    EmbedConfig,
    NeighborsConfig,
    TokenizeConfig,
)
from pipelines.filter_config import FilterConfig
from pipelines.image_config import DrawConfig, EditConfig, GenerateConfig
from pipelines.index_config import IndexConfig
from schemas.errors import UsageError
from storage.catalog.columns import ColumnNames
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy

CONFIGS = (
    ColumnOptions,
    DescribeConfig,
    CaptionConfig,
    AnswerConfig,
    EmbedConfig,
    NeighborsConfig,
    DuplicatesConfig,
    TokenizeConfig,
    FilterConfig,
    DrawConfig,
    GenerateConfig,
    EditConfig,
    IndexConfig,
)
# Fields that are no options of the command line.
_NO_OPTIONS = {(NeighborsConfig, "index"), (DuplicatesConfig, "keep"), (TokenizeConfig, "dtype")}


def texts_below_fields(kind: type) -> dict[str, str]:
    """The texts that stand below the fields of a class in its source."""
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    (body,) = [
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    ]
    texts = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = text.value if isinstance(text, ast.Expr) else None
            said = value.value if isinstance(value, ast.Constant) else ""
            texts[field.target.id] = str(said)
    return texts


def test_importing_it_brings_neither_beam_nor_torch_nor_arrow() -> None:
    code = (
        "import sys, pipelines.config\n"
        "print({'torch', 'apache_beam', 'transformers', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_has_a_help_text_of_one_sentence_or_two(kind: type) -> None:
    inherited = {name for base in kind.__mro__[1:-1] for name in base.__annotations__}
    texts = texts_below_fields(kind)
    own = {field.name for field in dataclasses.fields(kind)} - inherited
    own -= {name for of, name in _NO_OPTIONS if of is kind}
    assert own <= set(texts)
    for name in own:
        assert texts[name].endswith("."), name
        assert 10 < len(texts[name]) < 100, name


def test_defaults_are_those_of_the_parts_they_configure() -> None:
    caption = CaptionConfig()
    limits, policy = DecodeLimits(), FetchPolicy(allowed_schemes=())
    assert caption.max_picture_bytes == limits.max_bytes == policy.max_bytes
    assert caption.max_picture_pixels == limits.max_pixels
    assert caption.max_picture_seconds == limits.max_seconds
    assert caption.allow_private_addresses is policy.allow_private_addresses is False


def test_defaults_are_safe_and_repeatable() -> None:
    caption = CaptionConfig()
    assert caption.model == "calumma-tiny"
    assert not caption.trust_remote_code
    assert (caption.temperature, caption.top_p) == (0.0, 1.0)
    assert (caption.limit, caption.only_failed, caption.max_failure_rate) == (None, False, 0.1)


def test_columns_are_those_of_a_catalog() -> None:
    names = [field.name for field in dataclasses.fields(ColumnOptions)]
    more = ["pictures_needed", "usual_texts", "folder"]
    assert [*names, *more] == [field.name for field in dataclasses.fields(ColumnNames)]
    assert set(dataclasses.asdict(ColumnOptions()).values()) == {""}


@pytest.mark.parametrize(
    "given", [{}, {"question": ("what?",), "questions": "q.csv"}, {"question": (), "questions": ""}]
)
def test_questions_are_given_in_one_way(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="one of the two"):
        AnswerConfig(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["min_score", "max_similarity"])
def test_bounds_of_neighbours_are_cosines(name: str) -> None:
    for value in (90, -1.1):
        with pytest.raises(
            UsageError,
            match=rf"--{name.replace('_', '-')} must be at least -1 and at most 1, not {value}",
        ):
            NeighborsConfig(**{name: value})  # type: ignore[arg-type]
    for fine in (-1, 0, 0.9, 1, None):
        assert getattr(NeighborsConfig(**{name: fine}), name) == fine  # type: ignore[arg-type]


def test_words_are_dropped_only_of_queries_that_have_some() -> None:
    with pytest.raises(UsageError, match=r"Leave it out, or search with --of both or --of text"):
        NeighborsConfig(of="image", query_dropout=0.2)
    assert NeighborsConfig(of="image").query_dropout == 0
    for of in ("text", "both"):
        assert NeighborsConfig(of=of, query_dropout=0.2).query_dropout == 0.2


def test_a_template_without_the_question_s_place_is_refused() -> None:
    with pytest.raises(UsageError, match=r"must hold \{question\}"):
        AnswerConfig(question=("what?",), prompt="Answer it.")
    assert AnswerConfig(questions="q.csv", prompt="Q: {question}").prompt == "Q: {question}"


@pytest.mark.parametrize("made", [CaptionConfig(), AnswerConfig(questions="q.csv")])
def test_a_configuration_does_not_change(made: DescribeConfig) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.batch_size = 1  # type: ignore[misc]


def test_what_workers_read_is_told() -> None:
    catalog = {"a catalog": "c.csv"}
    assert CaptionConfig().reaches("c.csv") == catalog
    assert EmbedConfig(keep=("a", "b")).reaches("c.csv") == {
        **catalog,
        "a keep-list": "a",
        "keep-list 2": "b",
    }
    for config in (NeighborsConfig(index="i"), AnswerConfig(question=("?",), index="i")):
        assert config.reaches("c.csv") == {**catalog, "an index": "i"}
    assert IndexConfig().reaches("out") == {"an output": "out"}
    assert IndexConfig(remove="gone.txt").reaches("out") == {
        "an output": "out",
        "a list of ids": "gone.txt",
    }
