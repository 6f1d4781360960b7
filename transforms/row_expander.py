"""Which expander turns a job's rows into tasks."""

from collections.abc import Sequence
from dataclasses import replace

from storage.digests import DigestFile
from storage.drop_list import open_drop_list
from storage.forgotten import load_forgotten
from storage.known import KnownKeys, load_known_keys
from storage.questions import QuestionIndex
from storage.store import Store
from storage.verdict_record import load_superseded
from transforms.documents.settings import AssembleSettings
from transforms.expand_documents import DocumentExpander
from transforms.expand_judged import JudgedExpander
from transforms.expand_requests import RequestExpander
from transforms.expand_rows import RowExpander
from transforms.fingerprint import drawing_fingerprint, drawn_documents
from transforms.settings import FilterSettings, GenerateSettings, WorkSettings


def known_rows(work: WorkSettings, store: Store, *, upto: int) -> KnownKeys:
    """The keys of the rows that commits up to a number hold, and what was forgotten till now.

    Of a filter a row is known only while its verdict is the newest of its asset: one that says
    again what it said before, or is judged again by older rules, gets another.
    """
    known = replace(load_known_keys(store, upto=upto), forgotten=load_forgotten(store))
    if isinstance(work, FilterSettings):
        return replace(known, superseded=load_superseded(store, upto=upto))
    return known


def row_expander(
    work: WorkSettings,
    *,
    fingerprint: bytes,
    known: KnownKeys,
    only_failed: bool,
    index: QuestionIndex | None,
    keep: Sequence[DigestFile],
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
    if isinstance(work, FilterSettings):
        return JudgedExpander(
            fingerprint=fingerprint,
            known=known,
            only_failed=only_failed,
            rules=work.rules,
            keep=keep,
        )
    if isinstance(work, AssembleSettings):
        pictures = [one for layout in work.documents.template.layouts for one in layout.pictures]
        return DocumentExpander(
            fingerprint=fingerprint,
            known=known,
            only_failed=only_failed,
            copies=work.copies,
            drawn_from=drawn_documents(work),
            keep=keep,
            drop=open_drop_list(work.drop) if work.drop else None,
            pictures=tuple({one.column for one in pictures}),
        )
    return RowExpander(
        fingerprint=fingerprint,
        known=known,
        only_failed=only_failed,
        questions=work.questions,
        index=index,
        keep=keep,
    )
