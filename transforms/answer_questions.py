"""Answering questions about pictures in a pipeline of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from apache_beam.pvalue import PCollection

from models.describing import DecodingSettings
from models.prompts import prompts_for
from schemas.description import Answer
from schemas.errors import UsageError
from schemas.failure import Failure
from storage.questions import question_id_of
from transforms.catalog_picture import CatalogPicture
from transforms.describe_images import DescribeImages


class AnsweredQuestions(NamedTuple):
    """What answering gives: each question about each picture is in one of the two, once."""

    answers: PCollection[Answer]
    failures: PCollection[Failure]


@dataclass(kw_only=True, eq=False)
class AnswerQuestions(DescribeImages[AnsweredQuestions]):
    """Ask questions of every picture; each picture is loaded once for all of them.

    A picture that cannot be loaded is a failure for each question, and one without an id a single
    failure.

    Attributes:
        questions: the questions' texts; a text that comes twice is asked once.
        prompt: a template with ``{question}``; None for the model's own.

    The others are those of :class:`DescribeImages`.

    Raises:
        UsageError: a setting is out of range; raised when the transform is made.
        ModelError: the model's prompts cannot be read; raised when it is applied.

    """

    questions: Sequence[str]
    decoding: DecodingSettings = field(default_factory=lambda: DecodingSettings(max_new_tokens=16))

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.questions, str) or not self.questions:
            raise UsageError("questions must be a list of one text or more.")
        if not all(text.strip() for text in self.questions):
            raise UsageError("A question is empty.")
        if self.prompt is not None and "{question}" not in self.prompt:
            raise UsageError("The prompt must hold {question}, where the question goes.")

    # Quoted: Beam would take the class for the type of one collection's elements.
    def expand(self, pictures: PCollection[CatalogPicture]) -> "AnsweredQuestions":
        """Ask every question of each picture."""
        template = self.prompt or prompts_for(self.model).question
        questions = tuple((question_id_of(text), text) for text in dict.fromkeys(self.questions))
        return AnsweredQuestions(*self._describe(pictures, Answer, template, questions))
