"""The row of a filter's table."""

from schemas.verdict import Verdict
from storage.fetching.policy import resolve_uri
from transforms.filtered import Filtered
from transforms.items import Task
from transforms.settings import FilterSettings


def verdict_row(task: Task, result: Filtered, work: FilterSettings, file: str) -> Verdict:
    """A row of a catalog, judged.

    Args:
        file: the catalog's, from whose folder relative uris start.

    """
    asset, image = task.asset, task.image
    return Verdict(
        key=task.key,
        asset_id=asset.asset_id,
        kept=not result.broken,
        reasons=tuple(rule.value for rule in result.broken),
        not_judged=tuple(rule.value for rule in result.not_judged),
        words=result.words,
        characters=result.characters,
        width=None if image is None else image.width,
        height=None if image is None else image.height,
        clip_score=result.clip_score,
        text_cut=result.text_cut,
        # As it can be found from anywhere: the page shows what was left out.
        uri=resolve_uri(asset.uri, file.rpartition("/")[0]) if asset.uri else "",
        text=asset.text,
        license=asset.license,
        source=asset.source,
        sha256="" if image is None else image.sha256,
        rules=work.digest,
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )
