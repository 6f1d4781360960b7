"""Drawing with Janus and Janus-Pro."""

import torch

from models.image_model import Asked, Grid, ImageModel
from models.loading import LoadedModel


class JanusImages(ImageModel):
    """Codes have embeddings and a head of their own, apart from the vocabulary.

    Prompts go through the chat template, where there is one. Unconditional is the prompt with
    each token replaced by padding but the beginning of the text and of the picture, as the
    model's own ``generate`` has it. It takes no source pictures.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded, loaded.model.model.language_model)
        self._begin: int = self.tokenizer.convert_tokens_to_ids(loaded.processor.image_start_token)
        vq = loaded.model.model.vqmodel.config
        self.codebook_size = vq.num_embeddings
        side: int = vq.num_patches
        self._grid = side, side
        pixels = loaded.processor.image_processor.size
        self._size = pixels["height"], pixels["width"]

    def grid(self, size: tuple[int, int] | None) -> Grid:
        """The one grid that the model draws in."""
        if size is not None and size != self._size:
            raise self.refuse_size(size, self._size)
        return self._grid

    def prompt(self, asked: Asked) -> list[int]:
        """Token ids of a request, as chat where the checkpoint has a template."""
        processor, text = self.loaded.processor, asked.text
        if processor.chat_template:
            turn = {"role": "user", "content": [{"type": "text", "text": text}]}
            text = processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)
        bos = self.tokenizer.bos_token
        begun = bool(bos) and text.startswith(bos)
        ids = self.tokenizer(text, add_special_tokens=not begun)["input_ids"]
        return [*ids, self._begin]

    def unconditional(self, asked: Asked) -> list[int]:
        """Token ids of the same request, padded over."""
        kept = {self.tokenizer.bos_token_id, self._begin}
        padding = self.tokenizer.pad_token_id
        return [token if token in kept else padding for token in self.prompt(asked)]

    def reserved(self) -> set[int]:
        """Tokens that stand for pictures, or around them."""
        named = (self.tokenizer.image_token_id, self.tokenizer.eoi_token_id, self._begin)
        return {token for token in named if token is not None}

    def embed_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Embeddings of codes, int64 of shape (rows,), as (rows, width)."""
        embedded: torch.Tensor = self.loaded.model.prepare_embeddings_for_image_generation(codes)
        return embedded

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of the next code, of shape (rows, codes), from states of (rows, width)."""
        logits: torch.Tensor = self.loaded.model.model.generation_head(hidden)
        return logits
