"""From the configuration of an evaluation to what is compared, and with what it is embedded."""

from dataclasses import replace

from models.source import ModelSource, resolve_encoder
from models.wanted_pixels import wanted_pixels
from pipelines.evaluate_config import EvaluateConfig
from schemas.errors import UsageError
from storage.embeddings import TABLE as EMBEDDINGS
from storage.embeddings import EmbeddingSet, find_embeddings, open_embeddings
from storage.evaluation.benchmarks import annotations_file, kind_of_benchmark
from storage.evaluation.kinds import KINDS
from storage.evaluation.references import Kind, kind_of
from storage.evaluation.result_files import find_results, tables_of
from storage.evaluation.settings import EvaluationSettings
from storage.fetching.policy import FetchPolicy, scheme_of
from storage.load_settings import LoadSettings
from storage.uris import absolute_uri
from transforms.settings import EncoderSettings

_ENCODED: tuple[Kind, ...] = ("captions", "generations")


def evaluation_settings(
    results: str, config: EvaluateConfig
) -> tuple[EvaluationSettings, EncoderSettings | None]:
    """Find results, references and the encoder, if one is needed.

    Raises:
        UsageError: they are not there, do not belong together, or it is not clear which are meant.
        ModelError: there is no such encoder.

    """
    kind, references = _compared(results, config)
    found = EvaluationSettings(
        kind=kind,
        results=find_results(results, kind),
        references=references,
        benchmark=config.benchmark,
        slice_by=config.slice_by,
    )
    if kind == "generations":
        found = _with_reference_set(found)
    elif references and not found.compared:
        raise UsageError(f"{kind} are compared with nothing: leave --references out.")
    source = _encoder(found, config)
    if source is None:
        return found, None
    # A local file is read only where all that names pictures is local.
    named_by = (results, *found.results.catalogs)
    remote = next((one for one in named_by if scheme_of(one) != "file"), results)
    encoder = EncoderSettings(
        source=source,
        load=LoadSettings(
            policy=FetchPolicy.for_catalog(
                remote, allow_private_addresses=config.allow_private_addresses
            ),
            wanted_pixels=wanted_pixels(source),
        ),
        folder=found.results.folder,
        device=config.device or "",
    )
    return replace(found, encoded=True), encoder


def _compared(results: str, config: EvaluateConfig) -> tuple[Kind, str]:
    """What is evaluated, and where its references are; an empty uri for those of the results."""
    if config.benchmark is not None:
        kind = kind_of_benchmark(config.benchmark)
        if config.table not in {None, kind}:
            raise UsageError(f"{config.benchmark} has references for {kind}, not {config.table}.")
        return kind, annotations_file(config.benchmark, config.annotations or "")
    references = absolute_uri(config.references) if config.references is not None else ""
    if config.table is not None:
        return config.table, references
    held = tables_of(results)
    if held is not None and len(held) == 1 and not (references and held <= {"captions", "answers"}):
        (only,) = held
        return only, references
    if references:
        return kind_of(references), references
    if held is None:
        raise UsageError("Name what to compare with: --references FILE, or --benchmark NAME.")
    if not held:
        raise UsageError(f"{results} holds nothing to evaluate: none of {', '.join(KINDS)}.")
    raise UsageError(
        f"{results} holds {' and '.join(sorted(held))}. Name one of them with --table."
    )


def _with_reference_set(found: EvaluationSettings) -> EvaluationSettings:
    """Find the vectors of the pictures that generations are compared with."""
    if not found.references:
        return found
    runs = find_embeddings(found.references)
    if runs.of != "image":
        raise UsageError(
            f"{runs.uri} holds vectors of {runs.of}. Sets of pictures are compared by those of "
            f"pictures alone: calumma embed CATALOG OUT --of image."
        )
    results = found.results
    if results.table == EMBEDDINGS and results.revision not in {"", runs.revision}:
        raise UsageError(
            f"The vectors to evaluate are of {results.model} ({results.revision}), and those of "
            f"{runs.uri} of {runs.model} ({runs.revision}). Embed both with one model."
        )
    return replace(found, references="", reference_set=open_embeddings(runs))


def _encoder(found: EvaluationSettings, config: EvaluateConfig) -> ModelSource | None:
    """The encoder; of pictures without vectors, the reference set's if none is named."""
    if found.kind not in _ENCODED:
        if config.encoder is not None:
            raise UsageError(f"--encoder is of use for {' and '.join(_ENCODED)} only.")
        return None
    reference = found.reference_set
    if config.encoder is not None:
        source = resolve_encoder(config.encoder)
    elif found.kind == "captions" or found.results.table == EMBEDDINGS:
        if found.kind == "generations" and reference is None:
            raise UsageError(
                "Name what to compare with: --references, an output of calumma embed, or "
                "--encoder MODEL, which scores pictures by their prompts."
            )
        return None
    else:
        source = _encoder_of(reference)
    if found.kind == "generations":
        _check_same(found, source, reference)
    return source


def _encoder_of(reference: EmbeddingSet | None) -> ModelSource:
    if reference is None:
        raise UsageError(
            "Name what to compare with: --references, an output of calumma embed, or --encoder "
            "MODEL, which scores pictures by their prompts."
        )
    runs = reference.runs
    on_hub = not runs.revision.startswith("sha256:")
    return resolve_encoder(runs.model, runs.revision if on_hub else None)


def _check_same(
    found: EvaluationSettings, source: ModelSource, reference: EmbeddingSet | None
) -> None:
    """Check that vectors that are there are of the encoder."""
    results = found.results
    vectors = [(reference.runs.uri, reference.runs.revision)] if reference is not None else []
    if results.table == EMBEDDINGS and results.revision:
        vectors.append((results.uris[0].rpartition("/embeddings/")[0], results.revision))
    for uri, revision in vectors:
        if revision != source.revision:
            raise UsageError(
                f"The vectors of {uri} are of revision {revision}, and the encoder {source.name} "
                f"is {source.revision}. Name with --encoder what made them."
            )
