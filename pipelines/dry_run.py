"""What a run would do: rows to do, rows done, model, output. Writes nothing to the output."""

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pipelines.config import AnswerConfig, JobConfig
from pipelines.job import asking, new_run
from pipelines.launch import with_device
from pipelines.open_engine import check_engine
from pipelines.picture_folders import picture_folders
from pipelines.settings import check_job, read_settings, work_settings
from pipelines.stages import Stage, stages_of
from runners.engine import Engine
from storage.catalog.read_blocks import read_blocks
from storage.commit_record import last_commit
from storage.keep_list import open_keep_list
from storage.questions import QuestionIndex, build_question_index
from storage.store import open_store
from storage.store.local import LocalStore
from storage.unasked import count_unasked
from storage.uris import absolute_uri
from transforms.catalog_job import CatalogJob
from transforms.fingerprint import job_fingerprint
from transforms.plan_splits import splits_of
from transforms.row_expander import known_rows, row_expander
from transforms.settings import RunSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a run would find.

    Attributes:
        to_do: rows that would be tried, those that cannot be read or asked among them.
        skipped: rows that are done, failed for good, or are not to be kept.
        unreadable: catalog files that cannot be read; each would be one failed row.
        runner: where it would run.
        stages: what would be done there, a line a stage.
        resources: what would be asked for, by name.
        request: what would be sent to a service, shortened; ``request_body``: and whole.
    """

    job: str
    catalog: str
    out: str
    table: str
    model: str
    revision: str
    prompt: str
    to_do: int
    skipped: int
    unreadable: tuple[str, ...]
    runner: str
    stages: tuple[str, ...]
    resources: Mapping[str, str]
    request: Mapping[str, str]
    request_body: Mapping[str, object]


def dry_run(catalog: str, out: str, config: JobConfig, engine: Engine) -> DryRun:
    """Read the catalog's ids, compare them with what the output holds, and build the pipeline.

    Raises:
        CalummaError: the catalog, the model or the output cannot serve.
    """
    catalog, out = absolute_uri(catalog), absolute_uri(out)
    check_job(catalog, config)
    check_engine(engine, config.reaches(catalog), out)
    folders = picture_folders(config)
    work = work_settings(catalog, with_device(config, engine))
    read = read_settings(catalog, config, work)
    store = open_store(out)
    last = last_commit(store)
    to_do = skipped = 0
    unreadable = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        index = None
        if isinstance(config, AnswerConfig) and config.questions:
            path = Path(folder) / "questions.sqlite"
            build_question_index(absolute_uri(config.questions), path)
            index = opened.enter_context(contextlib.closing(QuestionIndex(path)))
            work = asking(work, str(path))
        hashed = job_fingerprint(work)
        known = known_rows(work, store, upto=last.number if last else 0)
        expander = row_expander(
            work,
            fingerprint=hashed,
            known=known,
            only_failed=config.only_failed,
            index=index,
            keep=[open_keep_list(keep) for keep in read.keep],
        )
        scratch = LocalStore(Path(folder))
        splits = list(splits_of(read, scratch, "listing"))
        met = 0
        for split in splits:
            if split.problem:
                unreadable.append(split.problem)
            for block in read_blocks(split, read.columns):
                expanded = expander.expand(split, block)
                to_do += len(expanded.tasks)
                skipped += sum(expanded.skipped)
                met += sum(expanded.questions_sum)
        if index is not None and config.limit is None and met % (1 << 64) != index.all_rows_sum():
            ids = (
                name
                for split in splits
                for block in read_blocks(split, read.columns)
                for name in block.ids
            )
            unasked = index.not_of(ids, Path(folder) / "seen.sqlite")
            counted = count_unasked(unasked, known, hashed, only_failed=config.only_failed)
            to_do, skipped = to_do + counted[0], skipped + counted[1]
    pipeline = engine.offline_pipeline()
    run = new_run(work, hashed.hex(), {}, "", 0, only_failed=config.only_failed)
    settings = RunSettings(
        out=out,
        run_id=run.run_id,
        version=version("calumma"),
        known_upto=0,
        folders=folders,
    )
    step = CatalogJob(
        read=read,
        work=work,
        settings=settings,
        run=run,
        resource_hints=engine.resource_hints(),
    )
    _ = pipeline | "CatalogJob" >> step
    stages = tuple(_told(stage) for stage in stages_of(pipeline))
    request = engine.request(pipeline)
    return DryRun(
        job=run.job,
        catalog=catalog,
        out=out,
        table=run.table,
        model=work.source.name,
        revision=work.source.revision,
        prompt=work.prompt,
        to_do=to_do,
        skipped=skipped,
        unreadable=tuple(unreadable),
        runner=engine.name,
        stages=stages,
        resources=engine.asks_for(),
        request=request.summary if request else {},
        request_body=request.body if request else {},
    )


def _told(stage: Stage) -> str:
    """A stage in a line."""
    hints = ", ".join(f"{name} {value}" for name, value in stage.hints.items())
    return f"{stage.title} ({hints})" if hints else stage.title
