"""From catalog pictures to windows of tasks for the model: keys, questions, and pixels."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import apache_beam as beam

from schemas.asset import Question
from schemas.errors import CountMismatchError
from storage.catalog.columns import missing_id, missing_uri
from storage.catalog.split import CatalogRow
from storage.fetching.policy import resolve_uri
from storage.keys import row_identity, row_keys
from storage.load_images import ImageLoader, Loaded, bytes_of
from storage.load_settings import LoadSettings
from transforms.batching import BATCHES_PER_WINDOW, MAX_WINDOW_BYTES
from transforms.catalog_picture import CatalogPicture
from transforms.expand_rows import questions_about
from transforms.fingerprint import job_fingerprint
from transforms.items import Item
from transforms.make_task import make_task
from transforms.settings import DescribeSettings


class LoadTasks(beam.DoFn):
    """Lists of catalog pictures in, windows of their tasks out; within a list it loads ahead.

    A file of this machine is read only for pictures that may be local.
    """

    def __init__(self, describe: DescribeSettings, load: LoadSettings) -> None:
        self._describe = describe
        self._load = load
        self._fingerprint = job_fingerprint(describe)

    def setup(self) -> None:
        """Begin without loaders: each starts helper processes, and most pipelines need one."""
        self._loaders: dict[bool, ImageLoader] = {}

    def teardown(self) -> None:
        """End threads and helper processes."""
        for loader in self._loaders.values():
            loader.close()

    def process(self, pictures: list[CatalogPicture]) -> Iterator[Sequence[Item]]:
        """Load some pictures, and give windows as large as those of a job."""
        asked = [list(self._ask(picture)) for picture in pictures]
        keys = row_keys(
            [identity for some in asked for _, identity in some],
            [
                picture.asset.content_version
                for picture, some in zip(pictures, asked, strict=True)
                for _ in some
            ],
            self._fingerprint,
        )
        size = self._describe.batch_size * BATCHES_PER_WINDOW
        tasks: list[Item] = []
        key = pixels = 0
        loaded = self._load_all(pictures)
        for (number, picture), (row, image, stage) in zip(enumerate(pictures), loaded, strict=True):
            if row.position != number:
                raise CountMismatchError("Pictures came back in another order than their rows.")
            # What names no picture is to be found by its file.
            asset = picture.asset
            if not asset.uri:
                asset = replace(asset, uri=picture.file)
            for ordinal, (question, _) in enumerate(asked[number]):
                tasks.append(
                    make_task(
                        position=number,
                        ordinal=ordinal,
                        asset=asset,
                        question=question,
                        template=self._describe.prompt,
                        keys=keys,
                        key=key,
                        image=image,
                        stage=stage,
                    )
                )
                key += 1
            pixels += bytes_of(image)
            if len(tasks) >= size or pixels >= MAX_WINDOW_BYTES:
                yield tasks
                tasks, pixels = [], 0
        if tasks:
            yield tasks

    def _ask(self, picture: CatalogPicture) -> Iterator[tuple[Question | None, str]]:
        """What is asked about a picture: (question, identity of the row)."""
        asset_id = picture.asset.asset_id
        if not asset_id:
            yield None, row_identity(picture.file, picture.row)
        elif self._describe.questions:
            yield from questions_about(asset_id, self._describe.questions)
        else:
            yield None, asset_id

    def _load_all(self, pictures: Sequence[CatalogPicture]) -> Iterator[Loaded]:
        rows = (_catalog_row(number, picture) for number, picture in enumerate(pictures))
        for local, some in itertools.groupby(rows, lambda row: pictures[row.position].local):
            yield from self._loader(local=local).load(some, "")

    def _loader(self, *, local: bool) -> ImageLoader:
        if local not in self._loaders:
            load = self._load
            if not local:
                schemes = tuple(name for name in load.policy.allowed_schemes if name != "file")
                load = replace(load, policy=replace(load.policy, allowed_schemes=schemes))
            self._loaders[local] = ImageLoader(load)
        return self._loaders[local]


def _catalog_row(position: int, picture: CatalogPicture) -> CatalogRow:
    """What the loader takes; uris are resolved here, for each may start from another folder."""
    asset, problem = picture.asset, picture.problem
    where = f"Row {picture.row + 1} of {picture.file}" if picture.file else "A row"
    if problem is None and not asset.asset_id:
        problem = missing_id(where)
    if problem is None and picture.data is None and not asset.uri:
        problem = missing_uri(where)
    uri = resolve_uri(asset.uri, picture.file.rpartition("/")[0])
    return CatalogRow(
        position=position, asset=replace(asset, uri=uri), data=picture.data, problem=problem
    )
