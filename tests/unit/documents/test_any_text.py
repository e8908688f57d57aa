"""Whatever a customer's name, their invoice can be printed, archived and read by machines; the data keeps the text."""

import io
import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typst
from facturx import get_facturx_xml_from_pdf
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from monthclose.adapters.documents import typst as typst_renderer
from monthclose.adapters.documents.e_invoice import FacturX
from monthclose.adapters.documents.fonts import Letters, letters_of
from monthclose.adapters.documents.sheet import FONTS
from monthclose.adapters.documents.typst import TypstRenderer
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.money import Money
from tests.unit.documents.archive_rules import broken_archive_rules
from tests.unit.documents.samples import POLE, sample
from tests.unit.documents.texts import SINGLE, TEXTS, saying

pytestmark = pytest.mark.long

RENDERER, E_INVOICES = TypstRenderer(), FacturX()
CANARY = "q\u0307"
"""A letter and a mark that no character stands for: it is gone from a page that had to be set plainly."""


def words(pdf: bytes) -> str:
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    kept = (c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf"))
    return unicodedata.normalize("NFC", "".join(kept))


def without_marks(text: str) -> str:
    """Take away the marks: a file's words are told apart by where they are, and a mark may be anywhere."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.category(c).startswith("M"))


def embedded(document: InvoiceDocument) -> bytes:
    """Print a document, and put its XML into the page's file, as customers get it."""
    return E_INVOICES.embed(RENDERER.render(document), document)


def test_more_than_71_kinds_of_text_are_tested() -> None:
    assert len(TEXTS) > 71 + len(SINGLE)
    assert all(TEXTS.values())


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_of_any_kind_is_printed_and_archived_wherever_it_appears(kind: str) -> None:
    document = replace(saying(TEXTS[kind]), replaces=CANARY)
    pdf = embedded(document)
    shown = words(pdf)
    assert broken_archive_rules(pdf) == []
    assert CANARY in shown
    assert f"Amountdue{Money(document.due_minor, 'EUR').figures}" in without_marks(shown)
    _, xml = get_facturx_xml_from_pdf(pdf, check_xsd=True, check_schematron=False)
    assert etree.fromstring(xml) is not None


@settings(max_examples=25)
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_text_at_all_is_printed_and_archived(text: str) -> None:
    pdf = embedded(replace(saying(text), replaces=CANARY))
    assert broken_archive_rules(pdf) == []
    assert CANARY in words(pdf)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_data_keeps_every_character(text: str) -> None:
    document = saying(text)
    assert InvoiceDocument.parse(document.canonical()) == document


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Acme\x9b Ltd", "Acme\ufffdLtd"),
        ("Acme \ufffd Ltd", "Acme\ufffdLtd"),
        ("Acme \ue000 Ltd", "Acme\ufffdLtd"),
        ("\u0f56\u0f7c\u0f51 Ltd", "\ufffd\ufffdLtd"),
        ("1\ufe0f\u20e3 Ltd", "1\u20e3Ltd"),
        ("\U0001d400\U0001d41c\U0001d426\U0001d41e", "Acme"),
        ("A\u07a6 Ltd", "ALtd"),
        ("Acme \u202eevil\u202c Ltd", "AcmeevilLtd"),
        ("Cafe\u0301 \U0001f600", "Caf\u00e9\U0001f600"),
        ("Za\u0308\u0332 Ltd", "Za\u0308\u0332Ltd"),
    ],
)
def test_the_page_shows_the_nearest_character_available(name: str, shown: str) -> None:
    text = words(RENDERER.render(replace(sample(), customer=replace(POLE, name=name))))
    assert unicodedata.normalize("NFC", shown) in text.replace("\ufe0f", "")


def test_only_characters_that_xml_forbids_are_replaced_in_the_xml() -> None:
    name = "A\x00B\x1bC\ufffeD\ud800E \x9b \ue000 \U00020000 \u0f56"
    document = replace(sample(), customer=replace(POLE, name=name))
    xml = E_INVOICES.xml(document).decode()
    assert "A\ufffdB\ufffdC\ufffdD\ufffdE \x9b \ue000 \U00020000 \u0f56" in xml


def test_the_layers_fonts_are_exactly_those_used() -> None:
    folders = [str(Path(typst_renderer._folder(name))) for name in typst_renderer._FONT_PACKAGES]
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
    other_regions = {f"Noto Sans CJK {region}" for region in ("HK", "KR", "SC", "TC")}
    assert set(fonts.families()) == {*FONTS, *other_regions}


def test_text_that_typst_cannot_set_is_set_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a font said that it has Tibetan letters and hadn't."""
    read = letters_of

    def promising(faces: Any) -> Letters:
        return {**read(faces), **dict.fromkeys(range(0xF00, 0x1000), 0b100)}

    monkeypatch.setattr("monthclose.adapters.documents.typst.letters_of", promising)
    document = replace(sample(), customer=replace(POLE, name="\u0f56\u0f7c\u0f51 Ltd"))
    pdf = TypstRenderer().render(document)
    assert "\ufffd\ufffd\ufffdLtd" in words(pdf)
    assert broken_archive_rules(pdf) == []


class PanicException(BaseException):
    """What a panic of Typst's program looks like from here."""


@pytest.mark.parametrize("error", [PanicException("end byte index 3 is out of bounds"), typst.TypstError("no", "no")])
def test_typst_is_restarted_after_it_crashes(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    made: list[object] = []

    class Compiler:
        def __init__(self, **options: Any) -> None:
            self._compiler, self._first = real(**options), not made
            made.append(self)

        def compile(self, *args: Any, **options: Any) -> bytes:
            if self._first:
                raise error
            pdf = self._compiler.compile(*args, **options)
            assert isinstance(pdf, bytes)
            return pdf

    real = typst.Compiler
    monkeypatch.setattr(typst, "Compiler", Compiler)
    assert "Amountdue" in words(TypstRenderer().render(sample()))
    assert len(made) == 2


def test_a_view_fits_into_json() -> None:
    """Halves of characters cannot be written as UTF-8: none is left in what Typst is given."""
    legible = RENDERER._legible.all_in({"a": ["\ud800", ("x\udfff", 1, None)]})
    assert json.loads(json.dumps(legible, ensure_ascii=False).encode()) == {"a": ["\ufffd", ["x\ufffd", 1, None]]}
