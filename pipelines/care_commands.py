"""The commands that look after an output over many nights."""

import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.run_job import tell, tell_json
from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.manifest import RunManifest


def latest(out: str, *, table: str = "captions", to: str | None = None) -> int:
    """Write the newest row of each asset: what was committed last, of all runs.

    For example:
    calumma latest out/ --to captions.parquet

    calumma latest out/ --table answers | head

    Parameters
    ----------
    out
        The output folder.
    table
        The table, such as answers or scores.
    to
        File to write, .parquet or .jsonl; by default JSON lines on standard output.
    """
    from storage.latest_file import print_latest, write_latest

    if to is None:
        print_latest(out, table, sys.stdout)
        sys.stdout.flush()
    else:
        rows = write_latest(out, table, to)
        tell(f"{to}: {rows} rows")
    return 0


def compact(out: str, *, json: bool = False) -> int:
    """Write small files of an output as large ones, and keep the latest row of each asset alone.

    The newest run of each job keeps its own files. What is left out, older rows of an asset, is
    done again if a job asks for it again.

    For example:
    calumma compact out/

    Parameters
    ----------
    out
        The output folder.
    json
        Print JSON.
    """
    from pipelines.locked_output import locked_output
    from storage.compact import compact as compact_output

    with locked_output(_existing(out)) as store:
        manifest = compact_output(store)
    if json:
        tell_json(asdict(manifest) if manifest else None)
    elif manifest is None:
        tell("Nothing to compact: no files are small, and no rows superseded.")
    else:
        for table, about in _about(manifest, "tables").items():
            left_out = f", {about['left_out']} rows left out" if about["left_out"] else ""
            tell(f"{table}: {about['files']} files into {about['into']}{left_out}")
    return 0


def forget(
    out: str,
    *,
    ids: str | None = None,
    license: str | None = None,  # noqa: A002 - the option's name
    index: tuple[str, ...] = (),
    json: bool = False,
) -> int:
    """Remove assets from an output: rows, failures, thumbnails; no run does them again.

    For example:
    calumma forget out/ --ids withdrawn.txt

    calumma forget out/ --license "CC BY-NC 4.0" --index index/

    Parameters
    ----------
    out
        The output folder.
    ids
        File of asset ids: one a line, or a table with a column of ids.
    license
        Forget the assets whose rows name this licence.
    index
        Index of this output's embeddings that shall not find them any more; may be repeated.
    json
        Print the receipt as JSON.
    """
    from pipelines.locked_output import locked_output
    from storage.digests import sorted_digests
    from storage.forget import forget as forget_assets
    from storage.forget import licensed_ids
    from storage.id_list import read_id_digests, some_ids
    from storage.keys import asset_words
    from storage.uris import absolute_uri

    if (ids is None) == (license is None):
        raise UsageError("Say what to forget: --ids FILE or --license NAME, one of the two.")
    said = {"ids": ids, "license": license}
    with locked_output(_existing(out)) as store:
        if ids is not None:
            assets = read_id_digests(absolute_uri(ids))
            names = some_ids(absolute_uri(ids)) if index else iter(())
        else:
            licensed = licensed_ids(store, license or "")
            words = asset_words(licensed)
            assets = sorted_digests(words[:, 0], words[:, 1])
            names = iter([licensed])
        manifest = forget_assets(store, assets, said)
        _remove(out, index, names)
    if json:
        tell_json(asdict(manifest) if manifest else None)
    elif manifest is None:
        tell("Nothing to forget: no row is of these assets, and they are on the list already.")
    else:
        tell("\n".join(_receipt(store, manifest, out)))
    return 0


def _receipt(store: Any, manifest: "RunManifest", out: str) -> list[str]:
    """What is told of a forgetting: what went, where that is written, and what is not touched."""
    from reports.formatting import amount
    from storage.latest import read_manifests
    from storage.layout import STAGING, manifest_path

    config = manifest.config
    gone = ", ".join(f"{count} {table}" for table, count in _about(manifest, "rows").items())
    assets = int(str(config["assets"]))
    told = f"{amount(assets, 'assets')} {'is' if assets == 1 else 'are'}"
    runs = read_manifests(store)
    folders = {
        str(folder)
        for run in runs
        for name in ("images", "webdataset")
        if (folder := run.config.get(name))
    }
    folder = out.rstrip("/")
    lines = [
        f"{told} forgotten. Rows removed: {gone or 'none'}",
        f"Receipt: {folder}/{manifest_path(manifest.run_id)}",
        f"Runs skip these assets while this list is there: {folder}/{config['list']}",
    ]
    if folders:
        lines.append(f"Not touched, remove what is theirs by hand: {', '.join(sorted(folders))}")
    if store.folders(STAGING):
        lines.append(
            f"Runs that were interrupted hold staged rows in {folder}/{STAGING}/. They drop those "
            "of these assets when they are finished."
        )
    if any(run.job == "embed" for run in runs):
        lines.append(
            "Indexes of it, unless given with --index: calumma index "
            f"{shlex.quote(out)} INDEX --remove IDS"
        )
    return lines


def _remove(out: str, indexes: Sequence[str], names: Iterator[list[str]]) -> None:
    """Let no search in some indexes find some assets any more."""
    from pipelines.index_commands import index as build_index
    from pipelines.index_config import IndexConfig

    with tempfile.TemporaryDirectory() as folder:
        # Blanks and ends of lines may be part of an id.
        ids = Path(folder) / "ids.jsonl"
        with ids.open("w", encoding="utf-8") as file:
            for some in names:
                file.writelines(f"{dumps({'id': name})}\n" for name in some)
        for index in indexes:
            build_index(out, index, config=IndexConfig(remove=str(ids)))


def _existing(out: str) -> str:
    """The URI of an output that is there.

    Raises:
        UsageError: it holds no run.

    """
    from storage.layout import RUNS
    from storage.store import open_store
    from storage.uris import absolute_uri

    uri = absolute_uri(out)
    if next(iter(open_store(uri).entries(RUNS)), None) is None:
        raise UsageError(f"{out} holds no finished run of a job.")
    return uri


def _about(manifest: "RunManifest", name: str) -> dict[str, Any]:
    about: Any = manifest.config[name]
    return dict(about)
