"""How a job loads the pictures that a catalog or an index names."""

from pipelines.catalog_config import CatalogConfig
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy
from storage.load_settings import LoadSettings


def load_settings(named_by: str, config: CatalogConfig, wanted_pixels: int | None) -> LoadSettings:
    """How pictures are loaded that something names.

    Args:
        named_by: uri of the catalog or index: a local one may name local files.
        wanted_pixels: length of the shorter side that the model makes use of; None for all.

    """
    return LoadSettings(
        policy=FetchPolicy.for_catalog(
            named_by,
            allow_private_addresses=config.allow_private_addresses,
            max_bytes=config.max_picture_bytes,
            max_seconds=config.fetch_seconds,
        ),
        limits=DecodeLimits(
            max_bytes=config.max_picture_bytes,
            max_pixels=config.max_picture_pixels,
            max_seconds=config.max_picture_seconds,
        ),
        wanted_pixels=wanted_pixels,
        fetch_threads=config.fetch_threads,
        decode_helpers=config.decode_helpers,
    )
