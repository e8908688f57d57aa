"""Catalogues: complete, nothing left over, the same blanks to fill in, and the conventions of the Unicode CLDR."""

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from babel import Locale as Cldr
from babel.dates import get_month_names
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from jinja2 import nodes

from monthclose.adapters.documents.typst import view_of
from monthclose.domain.money import Money
from monthclose.domain.payments.declines import ADVICE, DECLINES, decline
from monthclose.domain.period import Period
from monthclose.locales import Locale, languages, locale_for
from monthclose.locales.catalogue import Catalogue
from monthclose.templates import environment
from monthclose.use_cases.invoices import invoice_page
from tests.unit.locales.letters import every_letter
from tests.unit.locales.papers import every_paper

PACKAGE = Path(__file__).parents[3] / "lambdas/monthclose"
FILES = {language: PACKAGE / f"locales/{language}.po" for language in languages() if language != "en"}
OTHERS = list(FILES)
_TRANSLATES = {"text", "plural", "say"}
"""Names of the functions that translate what they are given."""


def _entries(language: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """A catalogue by context and English, as Babel reads it."""
    with FILES[language].open("rb") as file:
        found = read_po(file, abort_invalid=True)
    said = {}
    for message in found:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        one = message.id if isinstance(message.id, str) else message.id[0]
        if one:
            said[message.context or "", one] = tuple(str(form) for form in forms)
    return said


def _in_templates() -> Iterator[str]:
    loader = environment().loader
    assert loader
    for name in loader.list_templates():
        if name.endswith(".j2"):
            tree = environment().parse(loader.get_source(environment(), name)[0])
            for call in tree.find_all(nodes.Call):
                if isinstance(call.node, nodes.Name) and call.node.name == "_":
                    assert isinstance(call.args[0], nodes.Const), f"{name}: a text must be written out"
                    yield call.args[0].value


def _in_code() -> Iterator[str]:
    for file in PACKAGE.rglob("*.py"):
        source = file.read_text()
        translates = "monthclose.locales" in source or "Writer" in source
        if translates and file.parent.name != "locales":
            tree = ast.parse(source)
            yield from (text for node in ast.walk(tree) for text in _given(node))
            yield from (text for node in tree.body for text in _listed(node))


def _given(node: ast.AST) -> Iterator[str]:
    """The texts that a call translates, written out where it is."""
    if not isinstance(node, ast.Call) or not node.args:
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _TRANSLATES:
        first = node.args[0]
        yield from _texts([first.body, first.orelse] if isinstance(first, ast.IfExp) else node.args[:2])
    if name == "_Standing":
        yield from _texts(node.args)


def _listed(node: ast.stmt) -> Iterator[str]:
    """The texts in the tables of a module, which are translated where they are looked up."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
        yield from (text for text in _texts(node.value.values) if re.match(r"[A-Z{].*[a-z]", text))


def _texts(parts: Iterable[ast.AST | None]) -> list[str]:
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _declines() -> Iterator[str]:
    for table in (*DECLINES.values(), *ADVICE.values()):
        yield from (told.sentence for told in table.values() if told.sentence)
    yield decline("nobody", "").sentence


@pytest.fixture(scope="module")
def needed() -> set[tuple[str, str]]:
    """Contexts and texts that letters, documents, templates and code ask a catalogue for."""
    asked = {("", text) for text in (*_in_templates(), *_in_code(), *_declines(), *invoice_page.texts())}
    text = Catalogue.text

    def asking(self: Catalogue, english: str, context: str = "") -> str:
        asked.add((context, english))
        return text(self, english, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "text", asking)
        for language in OTHERS:
            assert all(mail for _, mail in every_letter(language=language))
            assert all(view_of(paper) for _, paper in every_paper(language))
        for month in range(1, 13):
            _said_in_full(locale_for("de"), month)
    return asked


def _said_in_full(locale: Locale, month: int) -> tuple[str, str, str]:
    return locale.day(date(2026, month, 2)), locale.day(date(2026, month, 1)), locale.month(Period(2026, month))


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_each_text_that_is_needed_and_no_other(language: str, needed: set[tuple[str, str]]) -> None:
    there = _entries(language)
    assert sorted(needed - there.keys()) == []
    assert sorted(there.keys() - needed) == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_leaves_the_same_blanks_to_fill_in(language: str) -> None:
    for (context, english), forms in _entries(language).items():
        if not context:
            assert {frozenset(_blanks(form)) for form in forms} == {frozenset(_blanks(english))}, english


def _blanks(text: str) -> list[str]:
    return re.findall(r"\{(\w*)\}", text)


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_read_as_gettexts_own_tools_read_it(language: str) -> None:
    catalogue = Catalogue(FILES[language].read_text().splitlines())
    for (context, english), forms in _entries(language).items():
        assert catalogue.text(english, context) == forms[0]


def test_an_entry_that_nobody_has_checked_is_not_used() -> None:
    lines = '#, fuzzy\nmsgid "Paid"\nmsgstr "Bezahlt?"\n\nmsgid "Due"\nmsgstr ""\n"Fäll"\n"ig"\n'.splitlines()
    catalogue = Catalogue(lines)
    assert (catalogue.text("Paid"), catalogue.text("Due"), catalogue.text("Total")) == ("Paid", "Fällig", "Total")


def test_the_plural_is_chosen_by_the_languages_own_rule() -> None:
    polish = (
        'msgid ""\nmsgstr "Plural-Forms: nplurals=3; plural=n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || '
        'n%100>14) ? 1 : 2;\\n"\n\nmsgid "{number} invoice"\nmsgid_plural "{number} invoices"\n'
        'msgstr[0] "{number} faktura"\nmsgstr[1] "{number} faktury"\nmsgstr[2] "{number} faktur"\n'
    )
    locale = Locale("pl", Catalogue(polish.splitlines()))
    said = [locale.plural("{number} invoice", "{number} invoices", number) for number in (1, 2, 5, 12, 22)]
    assert said == ["1 faktura", "2 faktury", "5 faktur", "12 faktur", "22 faktury"]
    assert Locale().plural("{number} invoice", "{number} invoices", 1) == "1 invoice"
    assert Locale().plural("{number} invoice", "{number} invoices", 1234) == "1,234 invoices"


@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_days_months_and_numbers_are_written_as_the_cldr_says(language: str) -> None:
    locale, cldr = locale_for(language), Cldr.parse(language)
    alone, within = (get_month_names("wide", form, locale=cldr) for form in ("stand-alone", "format"))
    for month in range(1, 13):
        name, declined = str(alone[month]), str(within[month])
        day, _, written = _said_in_full(locale, month)
        assert written in (f"{name} 2026", f"{name} de 2026", f"2026年{name}")
        assert day in (f"2 {declined} 2026", f"2. {declined} 2026", f"2 de {declined} de 2026", f"2026年{declined}2日")
    assert locale.number(Decimal("1234567.5")) == format_decimal(Decimal("1234567.5"), locale=cldr)
    percent = format_percent(Decimal("0.19"), locale=cldr)
    assert locale.percent(Decimal(19)) == percent


def test_amounts_have_the_decimals_of_their_currency_in_every_language() -> None:
    shown = {language: locale_for(language).money(Money(-123_456, "EUR")) for language in languages()}
    assert shown == {
        "en": "-1,234.56 EUR",
        "de": "-1.234,56 EUR",
        "es": "-1.234,56 EUR",
        "fr": "-1\u202f234,56 EUR",
        "ja": "-1,234.56 EUR",
        "pl": "-1\xa0234,56 EUR",
    }
    assert locale_for("de").money(Money(1_234, "JPY")) == "1.234 JPY"
    assert locale_for("fr").money(Money(1_234_567, "KWD")) == "1\u202f234,567 KWD"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("de",), "de"),
        (("de-at",), "de"),
        (("PL-pl",), "pl"),
        (("xx", "fr"), "fr"),
        (("", "ja"), "ja"),
        (("xx",), "en"),
        ((), "en"),
        (("en-gb", "de"), "en"),
    ],
)
def test_the_first_language_that_there_is_is_taken(wanted: tuple[str, ...], found: str) -> None:
    assert locale_for(*wanted).language == found
