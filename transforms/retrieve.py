"""Retrieving neighbours: a window's rows are embedded, searched for together, and filtered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.embedding import Embedded, EmbedRequest, EncodedPairs, Modality
from schemas.errors import RowError
from transforms.filter_neighbors import (
    Candidates,
    FilterSettings,
    draw_neighbor_count,
    drop_words,
    filter_neighbors,
)
from transforms.items import Task
from transforms.retrieved import Retrieved
from transforms.retriever import Retriever, load_retriever
from transforms.settings import NeighborSettings
from transforms.window_handler import WindowHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A row to find neighbours for.

    Attributes:
        draw_key: what is drawn for it follows from this.

    """

    request: EmbedRequest
    asset_id: str
    draw_key: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedQueries:
    """A batch that is ready for the model."""

    queries: tuple[Query, ...]
    pairs: EncodedPairs


class RetrievingHandler(WindowHandler[Retriever, Query, EncodedQueries]):
    """Runs a dual encoder and an index on windows of tasks."""

    def __init__(self, work: NeighborSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._settings = work

    def _load(self) -> Retriever:
        return load_retriever(self._settings)

    def _request(self, task: Task) -> Query:
        # Not the row's key, which each index has others of.
        draw_key = f"{task.identity[0]:016x}{task.identity[1]:016x}"
        text = "" if self._settings.of == "image" else task.asset.text
        if self._settings.query_dropout:
            text = drop_words(text, draw_key, share=self._settings.query_dropout)
        return Query(
            request=EmbedRequest(
                pixels=None if task.image is None else task.image.pixels, text=text
            ),
            asset_id=task.asset.asset_id,
            draw_key=draw_key,
        )

    def _encode(self, model: Retriever, requests: Sequence[Query]) -> EncodedQueries:
        pairs = model.embedder.encode([query.request for query in requests])
        return EncodedQueries(queries=tuple(requests), pairs=pairs)

    def _run(self, model: Retriever, encoded: EncodedQueries) -> Sequence[Retrieved | RowError]:
        embedded = model.embedder.embed(encoded.pairs)
        asked = [
            (query, one)
            for query, one in zip(encoded.queries, embedded, strict=True)
            if isinstance(one, Embedded)
        ]
        found = iter(self._search(model, asked)) if asked else iter(())
        return [one if isinstance(one, RowError) else next(found) for one in embedded]

    def _search(self, model: Retriever, asked: Sequence[tuple[Query, Embedded]]) -> list[Retrieved]:
        """Search for all rows of a batch at once, and filter each one's candidates."""
        work = self._settings
        found = model.nearest([one.vector for _, one in asked], work.candidates)
        flat = np.concatenate([hits.rows for hits in found])
        ids = model.index.ids(flat)
        vectors = np.empty((len(flat), 0), np.float32)
        if work.max_similarity is not None:
            vectors = model.index.vectors(flat)
        modalities: list[Modality] = ["both"] * len(flat)
        if work.prefer_both:
            modalities = [asset.modality for asset in model.rows.take(flat)]
        results = []
        start = 0
        for (query, one), hits in zip(asked, found, strict=True):
            end = start + len(hits.rows)
            candidates = Candidates(
                ids=ids[start:end],
                scores=hits.scores.tolist(),
                vectors=vectors[start:end],
                modalities=modalities[start:end],
            )
            kept = self._kept(query, one, candidates)
            results.append(
                Retrieved(
                    modality=one.modality,
                    ids=tuple(candidates.ids[at] for at in kept),
                    scores=hits.scores[list(kept)],
                    text_cut=one.text_cut,
                )
            )
            start = end
        return results

    def _kept(self, query: Query, embedded: Embedded, candidates: Candidates) -> Sequence[int]:
        """Positions of the candidates to keep."""
        work = self._settings
        settings = FilterSettings(
            k=draw_neighbor_count(query.draw_key) if work.draw_count else work.k,
            min_score=work.min_score,
            max_similarity=work.max_similarity,
            prefer_both=work.prefer_both,
        )
        return filter_neighbors(query.asset_id, embedded.vector, candidates, settings).kept
