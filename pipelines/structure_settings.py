"""From a configuration to what the workers need to know to take structure of pictures."""

from importlib.metadata import version

from models.source import ModelSource
from models.structures import LIBRARY
from pipelines.config import StructureConfig
from transforms.settings import StructureSettings


def structure_settings(config: StructureConfig) -> StructureSettings:
    """The library stands where other jobs have a model: another version does the rows again."""
    return StructureSettings(
        source=ModelSource(
            name=LIBRARY, location=LIBRARY, model_type="", revision=version(LIBRARY)
        ),
        feature=config.of,
        resolution=config.resolution,
        batch_size=config.batch_size,
    )
