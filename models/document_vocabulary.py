"""What training documents are written in: a checkpoint's tokens, without its weights.

Imports no torch until one is loaded, for the launcher and the workers of every job import this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.files import model_folder
from models.image_vocabulary import code_tokens
from models.infill_prompts import INFILL, MASK, NUMBERED_MASK
from models.source import ModelSource
from schemas.errors import ModelError

Tokens = NDArray[np.int32]

# The CM3 objective cuts out so many spans at most (arXiv 2201.07520).
_MOST_MASKS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedText:
    """A text as tokens.

    Attributes:
        tokens: int32 array of shape (tokens,).
        starts: where in the text each token's characters begin; ``ends``: behind the last one.

    """

    tokens: Tokens
    starts: tuple[int, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DocumentVocabulary:
    """The tokens of a checkpoint of Chameleon's architecture.

    Attributes:
        size: ids are from 0 to below this.
        context: tokens that the model reads at most.
        begin: what the tokenizer puts before every text, int32 array.
        end: ends a document.
        separator: stands between a text and what it asks for; None where the
            tokenizer has no such token.
        picture_begin: stands before a picture's codes; ``picture_end``: behind them.
        codes: token id of each code: int32 array of shape (codebook,).
        picture_size: codes of a picture.
        frame: width and height in pixels of the picture that they make.
        masks: sentinels, in the order of their numbers; empty where there are none.
        infill: stands before the spans that were cut out; None where there is no such token.

    """

    size: int
    context: int
    begin: Tokens
    end: int
    separator: int | None
    picture_begin: int
    picture_end: int
    codes: Tokens
    picture_size: int
    frame: tuple[int, int]
    masks: tuple[int, ...]
    infill: int | None
    _tokenizer: Any
    _reserved: NDArray[np.bool_]

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Tokenize texts; what looks like a special token in them is text like any other."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        found = []
        for encoding in encodings:
            starts, ends = zip(*encoding.offsets, strict=True) if encoding.ids else ((), ())
            found.append(
                EncodedText(tokens=np.array(encoding.ids, np.int32), starts=starts, ends=ends)
            )
        return found

    def holds_reserved(self, tokens: Tokens) -> bool:
        """Whether tokens of a text are among those that stand for pictures or spans."""
        return bool(self._reserved[tokens].any())

    def token_text(self, token: int) -> str:
        """How the vocabulary writes a token."""
        return str(self._tokenizer.id_to_token(token))


def load_document_vocabulary(source: ModelSource) -> DocumentVocabulary:
    """Read a checkpoint's processor and configuration; its weights are not needed.

    Raises:
        ModelError: they cannot be read, or are of another architecture.

    """
    if source.model_type != "chameleon":
        raise ModelError(
            f"The model {source.name} is of type {source.model_type}. Documents are written in the "
            "vocabulary of a model of type chameleon, such as calumma-tiny or Anole."
        )
    from transformers import AutoConfig
    from transformers.models.chameleon.modeling_chameleon import ChameleonImageVocabularyMapping

    from models.checkpoint import loading
    from models.loading import load_processor

    folder = model_folder(source, weights=False)
    with loading(source):
        processor = load_processor(source)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=source.trust_remote_code)
    wrapper = processor.tokenizer
    if wrapper.eos_token_id is None:
        raise ModelError(
            f"The tokenizer of the model {source.name} has no token that ends a sequence "
            "(eos_token), which a document needs."
        )
    vocabulary = wrapper.get_vocab()
    mapping = ChameleonImageVocabularyMapping(config.vocabulary_map).img2bpe  # type: ignore[no-untyped-call]
    codes = code_tokens(source.name, mapping, config.vq_config.num_embeddings)
    cropped = processor.image_processor.crop_size
    # A copy, for the switch below is the tokenizer's own.
    tokenizer = type(wrapper.backend_tokenizer).from_str(wrapper.backend_tokenizer.to_str())
    tokenizer.encode_special_tokens = True
    size = max(config.vocab_size, len(vocabulary))
    masks = _masks(vocabulary)
    infill = vocabulary.get(INFILL)
    reserved = np.zeros(size, bool)
    reserved[list(codes)] = True
    reserved[list(wrapper.all_special_ids)] = True
    # Words that the vocabulary lacks are no trick.
    if wrapper.unk_token_id is not None:
        reserved[wrapper.unk_token_id] = False
    reserved[[*masks, *([] if infill is None else [infill])]] = True
    return DocumentVocabulary(
        size=size,
        context=config.max_position_embeddings,
        begin=np.array(wrapper("")["input_ids"], np.int32),
        end=wrapper.eos_token_id,
        separator=wrapper.sep_token_id,
        picture_begin=processor.image_start_token_id,
        picture_end=processor.image_end_token_id,
        codes=np.array(codes, np.int32),
        picture_size=processor.image_seq_length,
        frame=(cropped["width"], cropped["height"]),
        masks=masks if infill is not None else (),
        infill=infill if masks else None,
        _tokenizer=tokenizer,
        _reserved=reserved,
    )


def _masks(vocabulary: dict[str, int]) -> tuple[int, ...]:
    numbered = [vocabulary.get(NUMBERED_MASK.format(number)) for number in range(_MOST_MASKS)]
    found = [mask for mask in numbered if mask is not None]
    if not found and MASK in vocabulary:
        return (vocabulary[MASK],)
    return tuple(found)
