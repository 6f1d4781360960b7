"""Drawing with Emu3."""

from dataclasses import replace

from models.image_model import Asked, Grid, VocabularyImageModel
from models.loading import LoadedModel
from schemas.errors import RowError
from schemas.failure import FailureKind


class Emu3Images(VocabularyImageModel):
    """Prompts are plain, and end in the grid's size; a token stands after each row of codes.

    Unconditional is the prompt without its text. The generating checkpoint takes no source
    pictures.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded, loaded.model.model.text_model)
        self.row_end = loaded.model.model.vocabulary_mapping.eol_token_id
        processor = loaded.processor
        self._factor: int = processor.downsample_ratio
        self._grid: Grid = processor.calculate_generate_size(
            processor.ratio, processor.image_area, self._factor
        )

    def grid(self, size: tuple[int, int] | None) -> Grid:
        """A grid of any size, in squares of 8 pixels."""
        if size is None:
            return self._grid
        if min(size) < self._factor or size[0] % self._factor or size[1] % self._factor:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The row asks for a picture of {size[0]} x {size[1]} pixels, but the model "
                f"{self.loaded.source.name} draws in multiples of {self._factor}.",
            )
        return size[0] // self._factor, size[1] // self._factor

    def prompt(self, asked: Asked) -> list[int]:
        """Token ids of a request, as the processor writes them for generation."""
        processor = self.loaded.processor
        begin = f"{processor.image_start_token}{asked.grid[0]}*{asked.grid[1]}"
        # What the tokenizer adds, and once more the beginning: so the processor has it.
        return self.token_ids(
            f"{processor.bos_token}{asked.text}{begin}{processor.fake_token_around_image}"
        )

    def unconditional(self, asked: Asked) -> list[int]:
        """Token ids of the same request without its text."""
        return self.prompt(replace(asked, text=""))
