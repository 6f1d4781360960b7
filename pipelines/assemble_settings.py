"""From the configuration of the assembling job to what its workers need to know."""

import re
from collections.abc import Sequence

from models.document_vocabulary import load_document_vocabulary
from models.source import ModelSource, resolve_image_tokenizer
from models.vocabulary_hash import vocabulary_hash
from pipelines.assemble_config import AssembleConfig
from schemas.errors import UsageError
from storage.catalog.columns import ColumnMap
from storage.committed import CommittedRuns
from storage.drop_list import find_drop_list
from storage.keep_list import find_keep_list
from storage.latest import read_manifests
from storage.lookup.neighbors import find_neighbors
from storage.store import Store
from storage.tokens import find_tokens, tokenizer_hashes
from storage.uris import absolute_uri
from transforms.documents.settings import (
    AssembleSettings,
    CodesChoice,
    DocumentSettings,
    NeighborsChoice,
)
from transforms.documents.template import Template, load_template
from transforms.documents.writer import check_vocabulary

_NARROW = 1 << 16


def assemble_settings(config: AssembleConfig) -> AssembleSettings:
    """Read the template and the vocabulary, and see that codes and neighbours are there.

    Raises:
        CatalogError: there are none.
        ModelError: there is no such model, or it is of another architecture.
        UsageError: the template is none, or needs what is not there; the codes are of another
            tokenizer.

    """
    template = load_template(config.template)
    found = [_codes(one) for one in config.codes]
    codes = tuple(choice for choice, _ in found)
    _check_sets(template, codes)
    source = resolve_image_tokenizer(
        config.model, config.revision, trust_remote_code=config.trust_remote_code
    )
    _check_tokenizer([runs for _, runs in found], source)
    vocabulary = load_document_vocabulary(source)
    documents = DocumentSettings(
        template=template,
        k=config.k if config.neighbors else 0,
        draw_count=config.draw_count,
        retrieved_weight=config.retrieved_weight,
        context=config.context or vocabulary.context,
    )
    check_vocabulary(vocabulary, documents)
    neighbors = None
    if config.neighbors:
        uri = absolute_uri(config.neighbors)
        neighbors = NeighborsChoice(uri=uri, upto=find_neighbors(uri).commit)
    drop = None
    if config.drop:
        alike = absolute_uri(config.duplicates) if config.duplicates else ""
        drop = find_drop_list(absolute_uri(config.drop), alike)
    return AssembleSettings(
        source=source,
        vocabulary_hash=vocabulary_hash(source),
        wide=vocabulary.size > _NARROW,
        documents=documents,
        codes=codes,
        neighbors=neighbors,
        keep=tuple(find_keep_list(absolute_uri(one)) for one in config.keep),
        drop=drop,
        copies=config.copies,
        seed=config.seed,
    )


def check_columns(template: Template, columns: ColumnMap) -> None:
    """Check that a catalog has the columns that a template needs.

    Raises:
        UsageError: it lacks one.

    """
    # What the catalog calls by a name of its own, templates call by its role.
    roles = {
        "asset_id": columns.id,
        "text": columns.text,
        "license": columns.license,
        "source": columns.source,
        "references": columns.references,
    }
    present = {role for role, column in roles.items() if column} | {*columns.others}
    for name in sorted(template.columns - present):
        role = next((role for role, column in roles.items() if column == name), None)
        if role is None:
            has = ", ".join(sorted(present))
            raise UsageError(
                f"The template {template.name} needs a column {name}, and the catalog has none. "
                f"What it has, as templates call it: {has}."
            )
        option = "id" if role == "asset_id" else role
        raise UsageError(
            f"The template {template.name} needs the column {name}, which is taken for the "
            f"catalog's {option} column. Name another one for that (--columns.{option} COLUMN), or "
            f"write {{{role}}} in a template of yours."
        )


def check_folder(store: Store, catalog: str, template: object, fingerprint: str) -> None:
    """Refuse to write a catalog's documents a second time beside those that were written otherwise.

    A training reads all documents of a folder.

    Args:
        template: as the command names it.
        fingerprint: of the job, in hexadecimal digits.

    Raises:
        UsageError: the folder holds such documents.

    """
    for run in read_manifests(store):
        config = run.config
        same = (config.get("catalog"), config.get("template")) == (catalog, template)
        written = run.job == "assemble" and run.counts.rows_out
        if written and same and config.get("fingerprint") != fingerprint:
            raise UsageError(
                f"{store.uri} holds documents of this catalog and template that were assembled "
                "with other options, codes or neighbours, or of another model or content of the "
                "template. A training would read both: name another folder."
            )


def _codes(text: str) -> tuple[CodesChoice, CommittedRuns]:
    named = re.fullmatch(r"(\w+)=(.+)", text)
    name, uri = named.groups() if named else ("", text)
    uri = absolute_uri(uri)
    runs = find_tokens(uri)
    return CodesChoice(name=name, uri=uri, upto=runs.commit), runs


def _check_tokenizer(sets: Sequence[CommittedRuns], source: ModelSource) -> None:
    """Check that codes are of a model's tokenizer: numbers of another one would pass for its own.

    Those that the model itself has made are. Of others, such as of what it was trained from, the
    model's weights tell.
    """
    own = (source.name, source.revision)
    foreign = [runs for runs in sets if all((run.model, run.revision) != own for run in runs.runs)]
    if not foreign:
        return
    from models.tokenizer_hash import tokenizer_hash

    digest = tokenizer_hash(source)
    for runs in foreign:
        if others := tokenizer_hashes(runs) - {digest}:
            raise UsageError(
                f"The codes of {runs.uri} are of another tokenizer ({min(others)}, of "
                f"{runs.runs[-1].model}) than that of the model {source.name} ({digest}), to which "
                "they would mean nothing. Tokenize with this model: calumma tokenize --model "
                f"{source.name}."
            )


def _check_sets(template: Template, codes: tuple[CodesChoice, ...]) -> None:
    wanted = {picture.codes for layout in template.layouts for picture in layout.pictures}
    for name in sorted({*wanted, ""} - {one.name for one in codes}):
        asked = f"--codes {name}=OUT" if name else "--codes OUT"
        raise UsageError(
            f"The template {template.name} shows pictures of a set of codes that is missing: "
            f"{asked}."
        )
