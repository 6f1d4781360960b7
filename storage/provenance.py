"""What a generated picture says of itself, and the XMP packet that holds it.

The packet has the properties of the IPTC Photo Metadata Standard 2025.1 for generated pictures, and
beside them, in a namespace of Calumma's own, what a C2PA manifest would say, under C2PA's names:
``claim_generator``, ``action``, ``digitalSourceType``, ``ingredients`` with ``relationship`` and
``hash``. It is metadata that nobody has signed, and no C2PA manifest: whoever has the file can
change or remove it.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

NAMESPACE = "urn:calumma:provenance:1#"
"""XML namespace of the packet's own properties."""

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "calumma": NAMESPACE,
}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# What XML 1.0 cannot hold, not even escaped (https://www.w3.org/TR/xml/#charsets).
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a picture was made.

    Attributes:
        software: name and version, parted by a slash: ``Calumma/0.1.0``.
        model: name of the model that drew it; ``revision``: what of it was loaded.
        prompt: what was asked.
        seed: of its sampling.
        settings: all else that it follows from, as JSON text.
        edits: whether it is made of source pictures.
        ingredients: sha256 of the files of all pictures that the model was shown, 64 hexadecimal
            digits each.

    """

    software: str
    model: str
    revision: str
    prompt: str
    seed: int
    settings: str
    edits: bool = False
    ingredients: tuple[str, ...] = ()

    @property
    def digital_source_type(self) -> str:
        """The term of IPTC's vocabulary of digital source types, as its address."""
        if self.edits:
            return f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
        return f"{_SOURCE_TYPES}trainedAlgorithmicMedia"

    @property
    def action(self) -> str:
        """What was done, in C2PA's words."""
        return "c2pa.edited" if self.edits else "c2pa.created"

    @property
    def prompt_sha256(self) -> str:
        """Digest of the prompt in UTF-8: what is left of it where the text itself is removed."""
        return hashlib.sha256(self.prompt.encode("utf-8", "replace")).hexdigest()

    def texts(self) -> dict[str, str]:
        """The same as plain texts by name, for PNG's text chunks."""
        texts = {
            "Software": self.software,
            "DigitalSourceType": self.digital_source_type,
            "Model": self.model,
            "Revision": self.revision,
            "Prompt": self.prompt,
            "Seed": str(self.seed),
            "Settings": self.settings,
            "Ingredients": " ".join(f"sha256:{digest}" for digest in self.ingredients),
        }
        # A NUL ends a text in a chunk, and a lone half of a surrogate pair has no UTF-8.
        return {name: _NOT_IN_XML.sub("\ufffd", text) for name, text in texts.items() if text}


def xmp_packet(provenance: Provenance) -> bytes:
    """Write an XMP packet (ISO 16684-1), the same for the same provenance.

    Characters that XML cannot hold are replaced; ``promptSha256`` is of the prompt as it was.
    """
    prefixes = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in _NAMESPACES.items())
    body = "".join(_properties(provenance))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
        f'<rdf:Description rdf:about=""{prefixes}>{body}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _properties(provenance: Provenance) -> Iterator[str]:
    yield _property("xmp:CreatorTool", provenance.software)
    yield _property("Iptc4xmpExt:DigitalSourceType", provenance.digital_source_type)
    yield _property("Iptc4xmpExt:AISystemUsed", provenance.model)
    yield _property("Iptc4xmpExt:AISystemVersionUsed", provenance.revision)
    yield _property("Iptc4xmpExt:AIPromptInformation", provenance.prompt)
    yield _property("calumma:claim_generator", provenance.software)
    yield _property("calumma:action", provenance.action)
    yield _property("calumma:digitalSourceType", provenance.digital_source_type)
    yield _property("calumma:promptSha256", provenance.prompt_sha256)
    yield _property("calumma:seed", str(provenance.seed))
    yield _property("calumma:settings", provenance.settings)
    if provenance.ingredients:
        items = "".join(
            '<rdf:li rdf:parseType="Resource">'
            + _property("calumma:relationship", "inputTo")
            + _property("calumma:hash", f"sha256:{digest}")
            + "</rdf:li>"
            for digest in provenance.ingredients
        )
        yield f"<calumma:ingredients><rdf:Bag>{items}</rdf:Bag></calumma:ingredients>"


def _property(name: str, text: str) -> str:
    # A carriage return would come back as a line feed, if it were not escaped.
    written = escape(_NOT_IN_XML.sub("\ufffd", text), {"\r": "&#13;"})
    return f"<{name}>{written}</{name}>"
