"""Invoices' PDFs, set by Typst: the same document gives the same bytes.

Typst and the fonts are a layer of their own (requirements/documents.in), imported when the first PDF is made. The
pages are PDF/A-3b, which archives and e-invoices ask for, and tagged for those who have pages read to them; those of
very long invoices are not: tags make their files ten times as large, and ten times as slow to put XML into.
"""

import json
from datetime import UTC, datetime, time
from functools import cache, cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monthclose.adapters.documents.fonts import Face, letters_of
from monthclose.adapters.documents.legible import Legible
from monthclose.adapters.documents.view import FONTS, view_of
from monthclose.domain.invoices.document import InvoiceDocument

_MOST_TAGGED_LINES = 200
_REMEMBERED = 10
"""Typst keeps the layouts of so many compilations, in case the next one resembles them (*measured*)."""
_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")


class TypstRenderer:
    """`InvoiceRenderer` on Typst."""

    def render(self, document: InvoiceDocument, logo: bytes | None = None) -> bytes:
        """Set a document. What no font has is replaced; if Typst trips over a text all the same, it is set plainly."""
        view = view_of(document, logo)
        try:
            return self._set(self._legible.all_in(view), document)
        except BaseException as error:
            if not _is_typsts(error):
                raise
        self.__dict__.pop("_compiler", None)  # it may have been left in the middle of something
        return self._set(self._legible.plainly_in(view), document)

    def _set(self, view: Any, document: InvoiceDocument) -> bytes:
        pdf: bytes = self._compiler.compile(
            _template(),
            sys_inputs={"view": json.dumps(view, ensure_ascii=False)},
            format="pdf",
            pdf_standards=["a-3b"],
            pdf_tags=len(document.lines) <= _MOST_TAGGED_LINES,
            timestamp=datetime.combine(document.issued_on, time(), UTC),
        )
        if len(document.lines) > _MOST_TAGGED_LINES:
            self._forget()
        return pdf

    def _forget(self) -> None:
        """Have Typst drop what it remembers of a long document: as much memory again for each of the last ten."""
        for _ in range(_REMEMBERED + 1):
            self._compiler.compile(b"", format="pdf")

    @cached_property
    def _compiler(self) -> Any:
        import typst  # noqa: PLC0415

        return typst.Compiler(font_paths=self._fonts)

    @cached_property
    def _fonts(self) -> Any:
        import typst  # noqa: PLC0415

        return typst.Fonts(
            include_system_fonts=False,  # the same page whatever the machine has
            include_embedded_fonts=False,  # they are for mathematics and books, and don't say what letters they have
            font_paths=[_folder(package) for package in _FONT_PACKAGES],
        )

    @cached_property
    def _legible(self) -> Legible:
        faces = {
            font.family: Face(Path(font.path), font.index) for font in self._fonts.fonts() if font.style == "normal"
        }
        return Legible(letters_of(faces[family] for family in FONTS))


def _is_typsts(error: BaseException) -> bool:
    """Whether it is Typst's: an error, or a panic, which is no `Exception` and has no name that could be imported."""
    import typst  # noqa: PLC0415

    return isinstance(error, typst.TypstError) or type(error).__name__ == "PanicException"


@cache
def _template() -> bytes:
    return files("monthclose.templates").joinpath("invoice.typ").read_bytes()


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None, f"{package} is in requirements/documents.in"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
