"""Pictures as files, read back by Pillow and by parsers that know nothing of ours."""

import hashlib
import io
import json
import struct
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from storage.encode_image import encode_image
from storage.provenance import Provenance

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
OWN = "{urn:calumma:provenance:1#}"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DRAWN = Provenance(
    software="Calumma/0.1.0",
    model="calumma-tiny",
    revision="sha256:0123456789abcdef",
    prompt="ein rotes Dreieck, 赤い三角 <b>&amp;\"'</b>\nsecond line",
    seed=2**63 - 1,
    settings=json.dumps({"guidance": 3.0, "top_p": 0.9}),
)
EDITED = replace(DRAWN, edits=True, ingredients=("ab" * 32, "cd" * 32))
FORMATS = ("png", "webp")


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    small = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((64, 48), Image.Resampling.BILINEAR))


def png_texts(content: bytes) -> dict[str, str]:
    """The texts of a PNG's iTXt chunks, by the specification (ISO 15948, 11.3.4.5)."""
    texts, offset = {}, 8
    while offset < len(content):
        (length,) = struct.unpack_from(">I", content, offset)
        kind, data = content[offset + 4 : offset + 8], content[offset + 8 : offset + 8 + length]
        assert struct.unpack_from(">I", content, offset + 8 + length)[0] == zlib.crc32(kind + data)
        if kind == b"iTXt":
            name, rest = data.split(b"\0", 1)
            assert rest[:2] == b"\0\0"  # not compressed
            texts[name.decode("latin-1")] = rest[2:].split(b"\0", 2)[2].decode()
        offset += 12 + length
    return texts


def webp_xmp(content: bytes) -> bytes:
    """The XMP chunk of a WebP file (RFC 9649, 2.7.1.5)."""
    offset = 12
    while offset < len(content):
        kind, length = struct.unpack_from("<4sI", content, offset)
        if kind == b"XMP ":
            return content[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2
    raise AssertionError("no XMP")


def description(content: bytes) -> ET.Element:
    """The one description of a picture's XMP packet."""
    if content.startswith(b"\x89PNG"):
        packet = png_texts(content)["XML:com.adobe.xmp"].encode()
    else:
        packet = webp_xmp(content)
    (found,) = ET.fromstring(packet).iter(f"{RDF}Description")
    return found


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_packet_says_how_a_picture_was_made(
    pixels: NDArray[np.uint8], image_format: Literal["png", "webp"]
) -> None:
    content = encode_image(pixels, image_format=image_format, provenance=DRAWN)
    found = description(content)
    assert found.findtext(f"{IPTC}DigitalSourceType") == f"{SOURCE_TYPES}trainedAlgorithmicMedia"
    assert found.findtext(f"{IPTC}AISystemUsed") == "calumma-tiny"
    assert found.findtext(f"{IPTC}AISystemVersionUsed") == DRAWN.revision
    assert found.findtext(f"{IPTC}AIPromptInformation") == DRAWN.prompt
    assert found.findtext(f"{OWN}claim_generator") == "Calumma/0.1.0"
    assert found.findtext(f"{OWN}action") == "c2pa.created"
    assert found.findtext(f"{OWN}seed") == "9223372036854775807"
    assert json.loads(found.findtext(f"{OWN}settings", "")) == {"guidance": 3.0, "top_p": 0.9}
    told = found.findtext(f"{OWN}promptSha256")
    assert told == hashlib.sha256(DRAWN.prompt.encode()).hexdigest()
    assert found.find(f"{OWN}ingredients") is None


@pytest.mark.parametrize("image_format", FORMATS)
def test_an_edit_names_its_source_pictures(
    pixels: NDArray[np.uint8], image_format: Literal["png", "webp"]
) -> None:
    found = description(encode_image(pixels, image_format=image_format, provenance=EDITED))
    told = found.findtext(f"{IPTC}DigitalSourceType")
    assert told == f"{SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
    assert found.findtext(f"{OWN}action") == "c2pa.edited"
    items = found.findall(f"{OWN}ingredients/{RDF}Bag/{RDF}li")
    assert [item.findtext(f"{OWN}hash") for item in items] == [
        f"sha256:{digest}" for digest in EDITED.ingredients
    ]
    assert {item.findtext(f"{OWN}relationship") for item in items} == {"inputTo"}


def test_pictures_that_were_only_shown_make_no_edit(pixels: NDArray[np.uint8]) -> None:
    shown = replace(EDITED, edits=False)
    found = description(encode_image(pixels, image_format="png", provenance=shown))
    told = found.findtext(f"{IPTC}DigitalSourceType")
    assert told == f"{SOURCE_TYPES}trainedAlgorithmicMedia"
    assert found.findtext(f"{OWN}action") == "c2pa.created"
    assert len(found.findall(f"{OWN}ingredients/{RDF}Bag/{RDF}li")) == 2


def test_a_png_holds_the_pixels_and_texts_that_anything_reads(pixels: NDArray[np.uint8]) -> None:
    content = encode_image(pixels, image_format="png", provenance=EDITED)
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        texts = dict(image.text)  # type: ignore[attr-defined]
    assert texts == png_texts(content)
    del texts["XML:com.adobe.xmp"]
    assert texts == {
        "Software": "Calumma/0.1.0",
        "DigitalSourceType": f"{SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia",
        "Model": "calumma-tiny",
        "Revision": DRAWN.revision,
        "Prompt": DRAWN.prompt,
        "Seed": "9223372036854775807",
        "Settings": DRAWN.settings,
        "Ingredients": f"sha256:{'ab' * 32} sha256:{'cd' * 32}",
    }


def test_a_webp_holds_the_pixels(pixels: NDArray[np.uint8]) -> None:
    content = encode_image(pixels, image_format="webp", provenance=DRAWN)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode) == ("WEBP", "RGB")
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.info["xmp"] == webp_xmp(content)


@pytest.mark.parametrize("image_format", FORMATS)
def test_what_no_file_can_hold_is_replaced_and_the_digest_tells(
    pixels: NDArray[np.uint8], image_format: Literal["png", "webp"]
) -> None:
    odd = replace(DRAWN, prompt="a\0b\x1bc\ud800d\ufffee\r\n]]>")
    content = encode_image(pixels, image_format=image_format, provenance=odd)
    found = description(content)
    assert found.findtext(f"{IPTC}AIPromptInformation") == ("a\ufffdb\ufffdc\ufffdd\ufffde\r\n]]>")
    told = found.findtext(f"{OWN}promptSha256")
    assert told == hashlib.sha256(b"a\0b\x1bc?d\xef\xbf\xbee\r\n]]>").hexdigest()


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_same_input_gives_the_same_bytes(
    pixels: NDArray[np.uint8], image_format: Literal["png", "webp"]
) -> None:
    first, second, other = (
        encode_image(pixels, image_format=image_format, provenance=one)
        for one in (DRAWN, replace(DRAWN), replace(DRAWN, seed=1))
    )
    assert first == second != other


def test_a_picture_may_say_nothing_and_be_grey(pixels: NDArray[np.uint8]) -> None:
    for picture in (pixels, pixels[..., 0]):
        content = encode_image(picture)
        assert png_texts(content) == {}
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
            assert np.array_equal(np.asarray(image), picture)
