"""Which expander turns a job's rows into tasks."""

from storage.digests import DigestFile
from storage.known import KnownKeys
from storage.questions import QuestionIndex
from transforms.expand_requests import RequestExpander
from transforms.expand_rows import RowExpander
from transforms.fingerprint import drawing_fingerprint
from transforms.settings import GenerateSettings, WorkSettings


def row_expander(
    work: WorkSettings,
    *,
    fingerprint: bytes,
    known: KnownKeys,
    only_failed: bool,
    index: QuestionIndex | None,
    keep: DigestFile | None,
) -> RowExpander:
    """The expander of a job: see :class:`transforms.expand_rows.RowExpander`.

    Args:
        index: questions of single pictures; None unless there is a questions file.

    """
    if isinstance(work, GenerateSettings):
        return RequestExpander(
            fingerprint=fingerprint,
            seeds_from=drawing_fingerprint(work),
            known=known,
            only_failed=only_failed,
            defaults=work.requests,
            keep=keep,
        )
    return RowExpander(
        fingerprint=fingerprint,
        known=known,
        only_failed=only_failed,
        questions=work.questions,
        index=index,
        keep=keep,
    )
