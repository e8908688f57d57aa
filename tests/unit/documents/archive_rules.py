"""Rules of PDF/A-3b that a text could break, looked for in the file itself, by code that shares nothing with Typst.

Clauses are those of ISO 19005-3. Fonts, page contents and metadata are read with pypdf and lxml.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree
from pypdf import PdfReader
from pypdf.generic import ContentStream

_FORBIDDEN = {"0000", "feff", "fffe"}
_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_SHOWING = {b"Tj", b"TJ", b"'", b'"'}


def broken_archive_rules(pdf: bytes) -> list[str]:
    """List the rules that a file breaks."""
    reader = PdfReader(io.BytesIO(pdf))
    broken = [*_metadata(reader)]
    if "/ID" not in reader.trailer or "/Encrypt" in reader.trailer:
        broken.append("6.1.3: the trailer has no ID, or the file is encrypted")
    if "/OutputIntents" not in _object(reader.trailer["/Root"]):
        broken.append("6.2.3: no output intent")
    for page in reader.pages:
        fonts = {name: _object(font) for name, font in _object(_object(page["/Resources"]).get("/Font", {})).items()}
        for font in fonts.values():
            broken += _font(font)
        if any(code == b"\0\0" for code in _shown_codes(page, reader)):
            broken.append("6.2.11.8: a letter is shown that its font does not have")
    return broken


def _metadata(reader: PdfReader) -> Iterator[str]:
    root = _object(reader.trailer["/Root"])
    try:
        tree = etree.fromstring(root["/Metadata"].get_data())
    except etree.XMLSyntaxError as error:
        yield f"6.6.2.1: the metadata is no XML: {error}"
        return
    said = {str(each.tag): each.text for each in tree.iter()} | {
        name: value for each in tree.iter() for name, value in each.attrib.items()
    }
    if (said.get(f"{_PDFAID}part"), said.get(f"{_PDFAID}conformance")) != ("3", "B"):
        yield "6.6.4: it does not call itself PDF/A-3b"


def _font(font: Any) -> Iterator[str]:
    inner = _object(_object(font["/DescendantFonts"])[0]) if "/DescendantFonts" in font else font
    if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(_object(inner["/FontDescriptor"])):
        yield f"6.2.11.4.1: {font['/BaseFont']} is not in the file"
    if "/ToUnicode" in font:
        mapped = re.findall(rb"<[0-9a-fA-F]+>\s*<([0-9a-fA-F]+)>", font["/ToUnicode"].get_data())
        codes = {text[i : i + 4].decode().lower() for text in mapped for i in range(0, len(text), 4)}
        if codes & _FORBIDDEN:
            yield f"6.2.11.7.2: {font['/BaseFont']} maps to {codes & _FORBIDDEN}"


def _shown_codes(page: Any, reader: PdfReader) -> Iterator[bytes]:
    for operands, operator in ContentStream(page.get_contents(), reader).operations:
        if operator in _SHOWING:
            parts = operands[0] if operator == b"TJ" else operands[-1:]
            for part in parts:
                raw = getattr(part, "original_bytes", b"")
                yield from (raw[i : i + 2] for i in range(0, len(raw), 2))


def _object(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value
