"""Names and descriptions that mean harm: harmless in mails, pages, CSV and PDFs, wherever a customer's text gets."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from pypdf import PdfReader

from monthclose.adapters.documents.typst import TypstRenderer
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.money import Money
from monthclose.domain.spreadsheets import harmless
from monthclose.domain.usage import UsageEvent
from monthclose.locales import languages
from monthclose.ports.documents import Paper
from tests.unit.notices.test_notice_texts import words
from tests.world import OCTOBER, World

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://evil.example","Invoice")'
TURNED = "Acme \u202egpj.exe\u2066"
TYPST = '#read("/etc/passwd") $x$ *b* {{ 7*7 }} {number}'
HOSTILE = (SCRIPT, FORMULA, TURNED, TYPST)
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_RUNS = {"script", "img", "iframe", "object", "embed", "link", "base"}


@pytest.fixture(scope="module")
def world() -> World:
    """Customers of hostile names, addresses and languages, with usage of hostile descriptions, closed and corrected."""
    world = World()
    for place, text in enumerate(HOSTILE):
        language = languages()[place + 1]
        world.directory.put_profiles([(f"c{place}", _profile(text, language))])
        one, ten = Decimal(1), Decimal(10)
        world.usage.put([UsageEvent(f"e{place}", f"c{place}", text[:40], one, OCTOBER.start, ten, text)])
    world.close()
    for place, text in enumerate(HOSTILE):
        invoice = world.month(f"c{place}").invoice
        assert invoice
        note = world.corrector.credit(invoice.number, Money(100, "EUR"), text)
        world.teller.tell(note)
    world.pack()
    return world


def _profile(text: str, language: str) -> Profile:
    address = f"{text}\n{text}"
    return Profile(text, "a@b.example", "EUR", "stripe", "ok", address=address, region=text, language=language)


class _Page(HTMLParser):
    """The tags and attributes of a page that could do something, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.dangers, self.text = list[str](), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.dangers += [tag] if tag in _RUNS else []
        self.dangers += [name for name, value in attrs if name.startswith("on") or "evil" in (value or "")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _harmless_page(html: str) -> None:
    assert _Page(html).dangers == []
    assert not _TURNING & set(html)


def test_mails_show_it_as_text(world: World) -> None:
    assert len(world.mailer.sent) == 2 * len(HOSTILE)
    for mail in world.mailer.sent:
        _harmless_page(mail.html)
        assert not _TURNING & set(mail.text + mail.subject)
        assert "\n" not in mail.subject
    shown = " ".join(words(mail.text) + words(_Page(mail.html).text) for mail in world.mailer.sent)
    for text in (SCRIPT, FORMULA, TYPST):
        assert shown.count(text) >= 2, "what the customer is called is not held back"


def test_pages_show_it_as_text(world: World) -> None:
    pages = [content.decode() for key, content in world.documents.objects.items() if key.endswith(".html")]
    assert any("<h1" in page for page in pages)
    for place in range(len(HOSTILE)):
        month = world.month(f"c{place}")
        assert month.invoice
        pages.append(world.use_cases.invoice_pages.page(month.invoice, month))
    for page in pages:
        _harmless_page(page)


def _cells(world: World) -> Iterator[str]:
    for key, content in world.documents.objects.items():
        if key.endswith(".csv"):
            yield from (cell for row in csv.reader(io.StringIO(content.decode())) for cell in row)


def test_no_cell_of_the_report_packs_tables_is_run_or_turned_around(world: World) -> None:
    cells = list(_cells(world))
    assert f"'{FORMULA}" in cells
    for cell in cells:
        assert harmless(cell) == cell


def _papers(world: World, place: int) -> Iterator[Paper]:
    month = world.month(f"c{place}")
    assert month.invoice
    yield world.issued.document(month.invoice)
    yield from map(world.issued.document, month.credit_notes)
    papers = world.use_cases.account_papers
    yield papers.receipt(month.invoice.number)
    yield papers.statement(f"c{place}", date(2026, 11, 1), date(2026, 11, 30))


@pytest.mark.parametrize("place", range(len(HOSTILE)), ids=["script", "formula", "turned", "markup"])
def test_pdfs_show_it_as_text(world: World, place: int) -> None:
    renderer = TypstRenderer()
    for paper in _papers(world, place):
        pdf = renderer.render(paper)
        reader = PdfReader(io.BytesIO(pdf))
        assert not [name for name in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/SubmitForm") if name in pdf]
        assert not reader.get_fields()
        text = "".join(page.extract_text() for page in reader.pages)
        assert not _TURNING & set(text)
        assert "root:" not in text
        shown = "".join(text.replace("\u200b", "").split())  # where a long word may be broken
        assert "".join(letter for letter in HOSTILE[place].split()[0] if letter not in _TURNING) in shown
