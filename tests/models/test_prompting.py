"""Chat templates, and what takes their place where there is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.describing import load_describer
from models.families import family_of
from models.loading import LoadedModel, load_model
from models.prompting import PromptWriter
from models.source import resolve_model
from models.transformers_describer import TransformersDescriber
from schemas.errors import ModelError, RowError
from schemas.failure import FailureKind
from tests.models.altered import copy_of
from tests.models.rows import GREEDY, described, mixed_rows, noise, request

_MESSAGES = "{% for m in messages %}{{ m.role }} : CONTENT {% endfor %}assistant :"
_PARTS = "{% for p in m.content %}{{ '<image>' if p.type == 'image' else p.text }}{% endfor %}"


@pytest.fixture
def templated(checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[[str], LoadedModel]:
    """Loads a LLaVA checkpoint that has the given chat template instead of its own."""
    folder = copy_of(checkpoint("llava"), tmp_path)

    def load(template: str) -> LoadedModel:
        (folder / "chat_template.jinja").write_text(template)
        return load_model(resolve_model(str(folder)), device="cpu")

    return load


def test_a_chat_checkpoint_without_a_template_gets_placeholders(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    (folder / "chat_template.jinja").unlink()
    model = load_describer(resolve_model(str(folder)), device="cpu")
    rows = [request(noise(32, 32, seed), noise(32, 32, 9)) for seed in range(2)]
    one, other = (described(result) for result in model.describe(rows, GREEDY))
    assert one.mean_logprob != pytest.approx(other.mean_logprob, abs=1e-4)


def test_a_template_for_text_alone_gets_placeholders_as_text(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    template = "{% for message in messages %}user : {{ message.content }} {% endfor %}assistant :"
    (folder / "chat_template.jinja").write_text(template)
    rows = mixed_rows()
    plain = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    template = template.replace(
        "{{",
        "{% for part in message.content %}{{ '<image>' if part.type"
        " == 'image' else part.text }}{% endfor %}{{ '' if true else",
    )
    (folder / "chat_template.jinja").write_text(template)
    parts = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    assert [described(result) for result in plain] == [described(result) for result in parts]


def test_a_template_with_the_first_token_is_not_given_it_twice(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    rows = mixed_rows()
    before = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    template = folder / "chat_template.jinja"
    template.write_text("{{ bos_token }} " + template.read_text())
    after = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    assert [described(result) for result in after] == [described(result) for result in before]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_PARTS, "<image>say it"),
        # For text alone, whatever it does to a list.
        ("{{ m.content }}", "<image>say it"),
        ("{{ m.content + '' }}", "<image>say it"),
        ("{{ m.content.strip() }}", "<image>say it"),
        ("{{ m.content | trim }}", "<image>say it"),
        ("{% if m.content is string %}{{ m.content }}{% else %}" + _PARTS + "{% endif %}",
         "<image>say it"),
        ("{% if m.content is not string %}{{ raise_exception('no') }}{% endif %}{{ m.content }}",
         "<image>say it"),
    ],
)  # fmt: skip
def test_templates_of_all_sorts_show_the_picture(
    templated: Callable[[str], LoadedModel], content: str, expected: str
) -> None:
    writer = PromptWriter(templated(_MESSAGES.replace("CONTENT", content)))
    assert writer.write("say it", 1) == f"user : {expected} assistant :"
    assert not writer.begins_thought


@pytest.mark.parametrize(
    "content",
    [
        "{{ raise_exception('a system message is needed') }}",
        "{{ m.content | tojson }}",
        # Leaves out the prompt, or the picture, or shows it twice.
        "{{ '<image>' if m.content[0].type == 'image' else m.content[0].text }}",
        "{% for p in m.content %}{{ p.text if p.type == 'text' }}{% endfor %}",
        "<image>" + _PARTS,
        "{{ m.nothing.at.all }}",
    ],
)
def test_a_template_that_cannot_show_a_picture_is_refused(
    templated: Callable[[str], LoadedModel], content: str
) -> None:
    loaded = templated(_MESSAGES.replace("CONTENT", content))
    with pytest.raises(ModelError, match="chat template of the model llava cannot show a picture"):
        PromptWriter(loaded)


def test_a_template_that_may_think_is_told_not_to(
    templated: Callable[[str], LoadedModel], library_messages: list[str]
) -> None:
    template = _MESSAGES.replace("CONTENT", _PARTS)
    thinking = "{% if enable_thinking is undefined or enable_thinking %}<think>{% endif %}"
    writer = PromptWriter(templated(template + thinking))
    assert writer.write("say it", 1) == "user : <image>say it assistant :"
    assert not writer.begins_thought
    assert PromptWriter(templated(template + "<think>\n")).begins_thought
    assert not library_messages


def test_a_thought_is_left_out_of_the_text_and_its_tokens_counted(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = checkpoint("llava")
    # A vocabulary in which one word is the end of a thought: it is made to be said.
    rows = mixed_rows()
    plain = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    words = described(plain[0]).text.split()
    word = words[1]
    copy = copy_of(folder, tmp_path)
    tokenizer = (copy / "tokenizer.json").read_text()
    (copy / "tokenizer.json").write_text(tokenizer.replace(f'"{word}"', '"</think>"'))
    result = described(
        load_describer(resolve_model(str(copy)), device="cpu").describe(rows[:1], GREEDY)[0]
    )
    assert result.text.split() == ["</think>" if one == word else one for one in words][2:]
    assert result.token_count == 8
    assert result.mean_logprob == pytest.approx(described(plain[0]).mean_logprob, abs=1e-4)


def test_a_thought_without_an_end_is_an_empty_output(
    templated: Callable[[str], LoadedModel],
) -> None:
    loaded = templated(_MESSAGES.replace("CONTENT", _PARTS) + " <think>")
    (result,) = TransformersDescriber(loaded).describe([request(noise(32, 32, 0))], GREEDY)
    assert isinstance(result, RowError)
    assert result.kind is FailureKind.EMPTY_OUTPUT
    assert "only thought, with 8 tokens" in result.message


def test_a_model_without_template_and_placeholder_is_refused(
    checkpoint: Callable[[str], Path],
) -> None:
    # As a family that is not known and adds the picture by itself.
    loaded = load_model(resolve_model(str(checkpoint("blip-2"))), device="cpu")
    unknown = replace(loaded, family=family_of("never_heard_of"))
    unknown.processor.image_token = None
    with pytest.raises(ModelError, match="neither a chat template nor a placeholder") as caught:
        PromptWriter(unknown)
    assert "Use a model with a chat template" in str(caught.value)
