"""PDFs of documents, made by Typst: the same document gives the same bytes.

Typst and the fonts are in a separate layer (requirements/documents.in), imported when the first PDF is made. The PDFs
are PDF/A-3b, as archives and e-invoices require, and tagged for screen readers. Very long invoices are not tagged: tags
make the file ten times as large, and embedding XML ten times as slow.
"""

import json
from datetime import UTC, date, datetime, time
from functools import cache, cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monthclose.adapters.documents.account_views import receipt_view, statement_view
from monthclose.adapters.documents.fonts import Face, letters_of
from monthclose.adapters.documents.legible import Legible
from monthclose.adapters.documents.sheet import FONTS
from monthclose.adapters.documents.view import invoice_view
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.statements.receipt import Receipt
from monthclose.domain.statements.statement import Statement
from monthclose.ports.documents import Paper

_MOST_TAGGED_LINES = 200
_CACHED = 10
"""Compilations whose layouts Typst caches, in case the next one is similar (*measured*)."""
_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")


class TypstRenderer:
    """`InvoiceRenderer` on Typst."""

    def render(self, document: Paper, logo: bytes | None = None) -> bytes:
        """Make a PDF. What no font has is replaced; if Typst still fails on a text, only plain characters are left."""
        view, made_on = view_of(document, logo), _made_on(document)
        try:
            return self._compile(self._legible.all_in(view), made_on)
        except BaseException as error:
            if not _is_from_typst(error):
                raise
        self.__dict__.pop("_compiler", None)  # its state may be broken
        return self._compile(self._legible.plainly_in(view), made_on)

    def _compile(self, view: Any, made_on: date) -> bytes:
        is_long = len(view["rows"]) > _MOST_TAGGED_LINES
        pdf: bytes = self._compiler.compile(
            _template(),
            sys_inputs={"view": json.dumps(view, ensure_ascii=False)},
            format="pdf",
            pdf_standards=["a-3b"],
            pdf_tags=not is_long,
            timestamp=datetime.combine(made_on, time(), UTC),
        )
        if is_long:
            self._clear_cache()
        return pdf

    def _clear_cache(self) -> None:
        """Make Typst drop a long document from its cache: each of the last ten would hold as much memory again."""
        for _ in range(_CACHED + 1):
            self._compiler.compile(b"", format="pdf")

    @cached_property
    def _compiler(self) -> Any:
        import typst  # noqa: PLC0415

        return typst.Compiler(font_paths=self._fonts)

    @cached_property
    def _fonts(self) -> Any:
        import typst  # noqa: PLC0415

        return typst.Fonts(
            include_system_fonts=False,  # the same page on any machine
            include_embedded_fonts=False,  # they are for mathematics and books, and their letters can't be listed
            font_paths=[_folder(package) for package in _FONT_PACKAGES],
        )

    @cached_property
    def _legible(self) -> Legible:
        faces = {
            font.family: Face(Path(font.path), font.index) for font in self._fonts.fonts() if font.style == "normal"
        }
        return Legible(letters_of(faces[family] for family in FONTS))


def view_of(paper: Paper, logo: bytes | None = None) -> dict[str, Any]:
    """Make the template's data."""
    match paper:
        case InvoiceDocument():
            return invoice_view(paper, logo)
        case Receipt():
            return receipt_view(paper, logo)
        case Statement():
            return statement_view(paper, logo)


def _made_on(paper: Paper) -> date:
    """Return the day that the PDF bears."""
    match paper:
        case InvoiceDocument():
            return paper.issued_on
        case Receipt():
            return paper.paid_on
        case Statement():
            return paper.last


def _is_from_typst(error: BaseException) -> bool:
    """Whether Typst raised it: an error, or a panic, which is not an `Exception` and cannot be imported by name."""
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
