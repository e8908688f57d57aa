"""The journal as a file that DATEV imports: EXTF 700, category 21 "Buchungsstapel", format version 13.

After DATEV's description of the format (developer.datev.de, "DATEV-Format: Buchungsstapel"): a header of 31 fields, a
line with the names of the 125 columns, and a line for each pair of accounts: the amount without a sign, and `S` (Soll,
debit) for the account, so that the contra account is credited. Texts are quoted, decimals have a comma, lines end with
CR LF, and the characters are those of Windows-1252.

A file has one currency, that of its header: amounts are never converted here. It has two decimals, so there is none for
currencies with more. Numbers of accounts must be numbers of the length that the header says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.finance.journal import Posting
from monthclose.domain.finance.transactions import Transaction
from monthclose.domain.money import Money, exponent
from monthclose.domain.period import Period

_MOST_LINES = 99_999
"""Of one file, by DATEV's description."""
_LARGEST_MINOR = 10**12 - 1
"""Of one line: ten digits before the comma, two after it."""


def _numbered(first: int, last: int, *names: str) -> list[str]:
    return [f"{name} {number}" for number in range(first, last + 1) for name in names]


COLUMNS = (
    *("Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz"),
    *("WKZ Basis-Umsatz", "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum"),
    *("Belegfeld 1", "Belegfeld 2", "Skonto", "Buchungstext", "Postensperre", "Diverse Adressnummer"),
    *("Geschäftspartnerbank", "Sachverhalt", "Zinssperre", "Beleglink"),
    *_numbered(1, 8, "Beleginfo - Art", "Beleginfo - Inhalt"),
    *("KOST1 - Kostenstelle", "KOST2 - Kostenstelle", "Kost-Menge", "EU-Land u. UStID (Bestimmung)"),
    *("EU-Steuersatz (Bestimmung)", "Abw. Versteuerungsart", "Sachverhalt L+L", "Funktionsergänzung L+L"),
    *("BU 49 Hauptfunktionstyp", "BU 49 Hauptfunktionsnummer", "BU 49 Funktionsergänzung"),
    *_numbered(1, 20, "Zusatzinformation - Art", "Zusatzinformation - Inhalt"),
    *("Stück", "Gewicht", "Zahlweise", "Forderungsart", "Veranlagungsjahr", "Zugeordnete Fälligkeit", "Skontotyp"),
    *("Auftragsnummer", "Buchungstyp", "USt-Schlüssel (Anzahlungen)", "EU-Mitgliedstaat (Anzahlungen)"),
    *("Sachverhalt L+L (Anzahlungen)", "EU-Steuersatz (Anzahlungen)", "Erlöskonto (Anzahlungen)", "Herkunft-Kz"),
    *("Buchungs GUID", "KOST-Datum", "SEPA-Mandatsreferenz", "Skontosperre", "Gesellschaftername"),
    *("Beteiligtennummer", "Identifikationsnummer", "Zeichnernummer", "Postensperre bis"),
    *("Bezeichnung SoBil-Sachverhalt", "Kennzeichen SoBil-Buchung", "Festschreibung", "Leistungsdatum"),
    *("Datum Zuord. Steuerperiode", "Fälligkeit", "Generalumkehr (GU)", "Steuersatz", "Land"),
    *("Abrechnungsreferenz", "BVV-Position", "EU-Land u. UStID (Ursprung)", "EU-Steuersatz (Ursprung)"),
    "Abw. Skontokonto",
)
_LOCKED = COLUMNS.index("Festschreibung")


def journal_datev(
    transactions: Iterable[Transaction], settings: JournalSettings, period: Period, currency: str, made_at: datetime
) -> bytes:
    """Write a month's journal in one currency. It does not lock the batch: the accountant checks it first.

    Raises
    ------
    UserMistakeError
        DATEV has no way to say it: the message says what.
    """
    if exponent(currency) > 2:
        raise UserMistakeError(f"DATEV's format has two decimals, and {currency} has more")
    lines = [
        _line(transaction, posting, settings)
        for transaction in transactions
        if transaction.currency == currency
        for posting in transaction.postings
        if settings.account(posting.debit) != settings.account(posting.credit)  # one account to the company
    ]
    if len(lines) > _MOST_LINES:
        raise UserMistakeError(f"DATEV imports at most {_MOST_LINES} lines in a file, and there are {len(lines)}")
    text = [_header(settings, period, currency, made_at), ";".join(COLUMNS), *lines]
    return ("\r\n".join(text) + "\r\n").encode("cp1252", errors="replace")


def _header(settings: JournalSettings, period: Period, currency: str, made_at: datetime) -> str:
    datev = settings.datev
    fields = [
        *(_text("EXTF"), "700", "21", _text("Buchungsstapel"), "13", f"{made_at:%Y%m%d%H%M%S}000"),
        *("", _text("MC"), _text(""), _text(""), str(datev.consultant), str(datev.client)),
        *(f"{_fiscal_year(period, datev.fiscal_year_month):%Y%m%d}", str(datev.account_length)),
        *(
            f"{period.first_day:%Y%m%d}",
            f"{period.last_day:%Y%m%d}",
            _text(f"Month close {period} {currency}"),
            _text(""),
        ),
        *("1", "0", "0", _text(currency), "", _text(""), "", "", _text(""), "", "", _text(""), _text("")),
    ]
    return ";".join(fields)


def _fiscal_year(period: Period, first_month: int) -> date:
    return date(period.year if period.month >= first_month else period.year - 1, first_month, 1)


def _line(transaction: Transaction, posting: Posting, settings: JournalSettings) -> str:
    if posting.minor > _LARGEST_MINOR:
        raise UserMistakeError(f"{Money(posting.minor, posting.currency)} has more digits than DATEV takes")
    amount = f"{Money(posting.minor, posting.currency).major:.2f}".replace(".", ",")
    fields = [""] * len(COLUMNS)
    fields[:14] = (
        *(amount, _text("S"), _text(posting.currency), "", "", _text("")),
        *(_number(posting.debit, settings), _number(posting.credit, settings), _text("")),
        *(f"{transaction.day:%d%m}", _text(transaction.number), _text(""), ""),
        _text(_described(transaction, posting)[:60]),
    )
    fields[_LOCKED] = "0"
    return ";".join(fields)


def _described(transaction: Transaction, posting: Posting) -> str:
    """Say what is posted: the kind, and what of the accounts' names a number does not say."""
    named: Sequence[str] = [name.partition("/")[2] for name in (posting.debit, posting.credit)]
    return " ".join([transaction.text, *(name.replace("/", " ") for name in named if name)])


def _number(name: str, settings: JournalSettings) -> str:
    number, length = settings.account(name), settings.datev.account_length
    if not re.fullmatch(rf"[0-9]{{1,{length}}}", number):
        raise UserMistakeError(
            f"the account {name} has no number of up to {length} digits, as DATEV needs it; give it one in the setting "
            "journal.accounts"
        )
    return number.rjust(length, "0")


def _text(value: str) -> str:
    """Quote a text; what breaks a line or a field is a space."""
    plain = re.sub(r"[\x00-\x1f;\"]", " ", value)
    return f'"{plain}"'
