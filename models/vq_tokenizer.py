"""Encoding and decoding pictures with the VQ tokenizer of any supported checkpoint."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from transformers import AutoConfig

from models.checkpoint import loading, pick_device
from models.files import model_folder
from models.framing import Framed, Framing, check_picture, cut, letterbox
from models.image_token_types import needs_decoder_file
from models.image_tokens import ImageCodes, PictureGroup, PreparedPictures, TokenizeRequest
from models.source import ModelSource
from models.tokenizer_hash import DECODER_PARTS, hash_of, load_image_processor, scale_of
from models.vq_families import FAMILIES, VqFamily
from models.vq_weights import read_vq_tensors
from schemas.errors import ModelError, RowError, UsageError
from schemas.failure import FailureKind

# What goes through an accelerator at once, however large the batch: a picture's activations take
# some thousand bytes for each of its pixels.
_PIXELS_AT_ONCE = 1 << 20
# The grid of a hostile row could ask for any amount of memory.
_LARGEST_SIDE = 4096


class VqImageTokenizer:
    """See :class:`models.image_tokens.ImageTokenizer`."""

    def __init__(
        self,
        source: ModelSource,
        family: VqFamily,
        processor: Any,
        device: torch.device,
        *,
        tokenizer_hash: str,
        pixels_per_code: int,
        decoder: bool,
    ) -> None:
        self._source = source
        self._family = family
        self._processor = processor
        self._device = device
        self._hash = tokenizer_hash
        self._pixels_per_code = pixels_per_code
        self._decoder = decoder
        self._ids = np.asarray(family.token_ids, np.int64)
        self._ids.flags.writeable = False

    @property
    def source(self) -> ModelSource:
        """What was loaded."""
        return self._source

    @property
    def device(self) -> str:
        """The torch device it runs on."""
        return str(self._device)

    @property
    def tokenizer_hash(self) -> str:
        """A digest of what makes codes of a frame's pixels."""
        return self._hash

    @property
    def codebook_size(self) -> int:
        """Codes are from 0 to below this."""
        return self._family.codebook_size

    @property
    def pixels_per_code(self) -> int:
        """Side, in pixels, of the square that one code stands for."""
        return self._pixels_per_code

    @property
    def vocabulary_ids(self) -> NDArray[np.int64]:
        """The language model's token id of each code, int64 array of shape (codebook size,)."""
        return self._ids

    def grid(self, framing: Framing) -> tuple[int, int] | None:
        """Height and width, in codes, of every picture's grid; None where pictures differ."""
        size = self._frame(framing)
        if size is None:
            return None
        return size[0] // self._pixels_per_code, size[1] // self._pixels_per_code

    def prepare(self, requests: Sequence[TokenizeRequest], framing: Framing) -> PreparedPictures:
        """Frame a batch of pictures and scale their values, in the machine's memory."""
        size = self._frame(framing)
        refused: dict[int, RowError] = {}
        pictures: dict[int, PillowImage.Image] = {}
        framed: dict[int, Framed] = {}
        for place, request in enumerate(requests):
            try:
                check_picture(request.pixels)
                if size is None or framing.rule == "checkpoint":
                    # Pillow pictures, for a bare array of 3 rows can be taken for three channels.
                    pictures[place] = PillowImage.fromarray(request.pixels)
                else:
                    pictures[place], framed[place] = self._framed(request, framing, *size)
            except RowError as error:
                refused[place] = error
        by_size: dict[tuple[int, ...], dict[int, torch.Tensor]] = {}
        for place, value in zip(pictures, self._values(pictures.values(), framing), strict=True):
            height, width = value.shape[1:]
            framed.setdefault(place, Framed(rule="checkpoint", height=height, width=width))
            by_size.setdefault((height, width), {})[place] = value
        groups = [
            PictureGroup(places=tuple(group), values=self._for_transfer(list(group.values())))
            for group in by_size.values()
        ]
        return PreparedPictures(
            count=len(requests), refused=refused, framed=framed, groups=tuple(groups)
        )

    def frames(self, prepared: PreparedPictures) -> list[NDArray[np.uint8] | RowError]:
        """The pictures as the model sees them, uint8 arrays of shape (height, width, 3)."""
        found: dict[int, NDArray[np.uint8] | RowError] = {**prepared.refused}
        for group in prepared.groups:
            found.update(zip(group.places, self._to_pixels(group.values), strict=True))
        return [found[place] for place in range(prepared.count)]

    def encode(self, prepared: PreparedPictures) -> list[ImageCodes | RowError]:
        """Turn a prepared batch into codes: the codes or error of each request, in order."""
        found: dict[int, ImageCodes | RowError] = {**prepared.refused}
        pinned = self._device.type == "cuda"
        for group in prepared.groups:
            height, width = group.values.shape[2:]
            for part in self._parts(len(group.places), height * width):
                values = group.values[part].to(self._device, non_blocking=pinned)
                with torch.inference_mode():
                    codes = self._family.encode(values).to(torch.int32).cpu().numpy()
                for place, one in zip(group.places[part], codes, strict=True):
                    found[place] = ImageCodes(
                        codes=one,
                        tokenizer=self._source.name,
                        tokenizer_hash=self._hash,
                        framed=prepared.framed[place],
                    )
        return [found[place] for place in range(prepared.count)]

    def decode(self, rows: Sequence[ImageCodes]) -> list[NDArray[np.uint8] | RowError]:
        """Make pictures of codes: a uint8 array or an error for each row, in order."""
        if not self._decoder:
            raise ModelError(f"The model {self._source.name} was loaded without its decoder.")
        found: dict[int, NDArray[np.uint8] | RowError] = {}
        by_grid: dict[tuple[int, ...], list[int]] = {}
        for place, row in enumerate(rows):
            try:
                self._check_codes(row)
            except RowError as error:
                found[place] = error
            else:
                by_grid.setdefault(row.codes.shape, []).append(place)
        for (height, width), places in by_grid.items():
            for part in self._parts(len(places), height * width * self._pixels_per_code**2):
                grids = np.stack([rows[place].codes for place in places[part]]).astype(np.int64)
                with torch.inference_mode():
                    values = self._family.decode(torch.from_numpy(grids).to(self._device))
                found.update(zip(places[part], self._to_pixels(values), strict=True))
        return [found[place] for place in range(len(rows))]

    def _frame(self, framing: Framing) -> tuple[int, int] | None:
        resolution = framing.resolution
        if resolution is not None and resolution % self._pixels_per_code:
            raise UsageError(
                f"The resolution must be a multiple of {self._pixels_per_code} pixels, the side of "
                f"a code of the model {self._source.name}, not {resolution}."
            )
        size = self._family.frame(self._processor, resolution)
        if size is None and framing.rule != "checkpoint":
            if resolution is None:
                raise UsageError(
                    f"The model {self._source.name} has no frame of its own to {framing.rule} "
                    "pictures to: it keeps their proportions. Give a resolution."
                )
            size = (resolution, resolution)
        return size

    def _framed(
        self, request: TokenizeRequest, framing: Framing, height: int, width: int
    ) -> tuple[PillowImage.Image, Framed]:
        resample = int(self._processor.resample)
        if framing.rule == "letterbox":
            picture, content = letterbox(request.pixels, height, width, resample)
            return picture, Framed(rule="letterbox", height=height, width=width, content=content)
        picture = cut(request.pixels, request.crop, height, width, resample)
        return picture, Framed(rule="crop", height=height, width=width, crop=request.crop)

    def _values(
        self, pictures: Collection[PillowImage.Image], framing: Framing
    ) -> list[torch.Tensor]:
        if not pictures:
            return []
        if framing.rule == "checkpoint":
            values = self._family.process(self._processor, list(pictures), framing.resolution)
        else:
            values = self._family.scale(self._processor, list(pictures))
        return [torch.as_tensor(value, dtype=torch.float32) for value in values]

    def _for_transfer(self, values: list[torch.Tensor]) -> torch.Tensor:
        stacked = torch.stack(values)
        return stacked.pin_memory() if self._device.type == "cuda" else stacked

    def _to_pixels(self, values: torch.Tensor) -> NDArray[np.uint8]:
        """The reverse of the processor's scale: uint8 array of shape (pictures, h, w, 3)."""
        mean, deviation, factor = scale_of(self._processor)
        means = torch.tensor(mean, device=values.device).view(3, 1, 1)
        deviations = torch.tensor(deviation, device=values.device).view(3, 1, 1)
        intensities = ((values * deviations + means) / factor).round_().clamp_(0, 255)
        pixels: NDArray[np.uint8] = (
            intensities.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        )
        return pixels

    def _parts(self, count: int, pixels: int) -> Iterator[slice]:
        """Cut a batch into what goes through the model at once."""
        # One by one on the CPU, which loses little by it: sums over a batch are rounded otherwise
        # than those over one picture, and a code or an intensity beside it would come out.
        most = 1 if self._device.type == "cpu" else max(_PIXELS_AT_ONCE // pixels, 1)
        return (slice(first, first + most) for first in range(0, count, most))

    def _check_codes(self, row: ImageCodes) -> None:
        codes = row.codes
        if row.tokenizer_hash != self._hash:
            raise _invalid(
                f"The codes are of another tokenizer: {row.tokenizer} ({row.tokenizer_hash}), not "
                f"{self._source.name} ({self._hash}). Decode them with the model that made them."
            )
        if codes.ndim != 2 or not codes.size or not np.issubdtype(codes.dtype, np.integer):
            raise _invalid(
                "Codes must be whole numbers of shape (grid height, grid width), not "
                f"{codes.dtype} of shape {codes.shape}."
            )
        height, width = codes.shape
        reason = self._family.decodes(height, width)
        if max(height, width) * self._pixels_per_code > _LARGEST_SIDE:
            reason = f"a picture may be {_LARGEST_SIDE} pixels high and wide at most"
        if reason:
            raise _invalid(
                f"A grid of {height} x {width} codes cannot be decoded by the model "
                f"{self._source.name}: {reason}."
            )
        least, most = int(codes.min()), int(codes.max())
        if least < 0 or most >= self.codebook_size:
            raise _invalid(
                f"The code {least if least < 0 else most} is not in the codebook of the model "
                f"{self._source.name}, whose codes are 0 to {self.codebook_size - 1}. Ids of the "
                "language model's vocabulary are no codes."
            )


def _invalid(message: str) -> RowError:
    return RowError(FailureKind.INVALID_ROW, message)


def load_vq_tokenizer(
    source: ModelSource, *, device: str | None = None, decoder: bool = True
) -> VqImageTokenizer:
    """Load a checkpoint's VQ tokenizer; see :func:`models.image_tokens.load_image_tokenizer`."""
    chosen = pick_device(device)
    if chosen.type == "cuda":
        # Rounded to TF32, as PyTorch has it, 27 of 12,800 codes were others on an H100, and 15 with
        # another batch. In a process that loads a tokenizer, float32 means that.
        torch.backends.cudnn.allow_tf32 = False
    folder = model_folder(source, weights=False)
    with loading(source):
        processor = load_image_processor(source)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=source.trust_remote_code)
        unused = () if decoder or needs_decoder_file(source.model_type) else DECODER_PARTS[:1]
        tensors = read_vq_tensors(source, without=unused)
        family = FAMILIES[source.model_type](source, config, tensors, decoder=decoder)
        for module in family.modules:
            module.to(chosen)
    return VqImageTokenizer(
        source,
        family,
        processor,
        chosen,
        tokenizer_hash=hash_of(source, tensors, processor),
        pixels_per_code=2 ** (len(config.vq_config.channel_multiplier) - 1),
        decoder=decoder,
    )
