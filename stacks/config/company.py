"""What invoices say about the company: the object `company` of the settings, checked entry by entry."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict

from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Seller
from monthclose.locales import ENGLISH, languages
from stacks.config.reading import ConfigError, Json, check_known, read_flag

_MAX_BYTES = 1500
"""For all of it: a function's environment holds 4 KB, which other settings share (AWS Lambda, quotas)."""
_TEXTS: Mapping[str, tuple[str, str]] = {
    "name": (r".{1,120}", "the registered name, at most 120 characters"),
    "postcode": (r".{0,20}", "at most 20 characters"),
    "city": (r".{0,80}", "at most 80 characters"),
    "country": (r"[A-Z]{2}|", "two capitals of ISO 3166, like DE"),
    "tax_id": (r"[A-Z0-9]{0,30}", "capitals and digits without spaces, like DE136695976"),
    "registration": (r".{0,120}", "at most 120 characters"),
    "email": (r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an e-mail address"),
    "phone": (r".{0,40}", "at most 40 characters"),
    "website": (r"\S{0,80}", "an address without spaces, at most 80 characters"),
    "bank": (r".{0,80}", "at most 80 characters"),
    "iban": (r"([A-Z]{2}[0-9]{2}[A-Z0-9]{11,30})?", "capitals and digits without spaces"),
    "bic": (r"([A-Z0-9]{8}([A-Z0-9]{3})?)?", "8 or 11 capitals and digits"),
    "terms": (r".{0,400}", "one line of at most 400 characters"),
    "footer": (r".{0,200}", "one line of at most 200 characters"),
}
_OTHERS = ("address", "payment_days", "e_invoice", "language")
_MAX_ADDRESS_LINES = 4


def read_company(values: Json, *, name: str) -> Company:
    """Read `company`. Without a registered name, invoices show the name that customers know."""
    check_known(values, "company", *_TEXTS, *_OTHERS)
    texts = {key: _text(key, values[key]) for key in _TEXTS if values.get(key)}
    company = Company(
        Seller(**{"name": name, **texts}, address=_address(values.get("address", []))),
        payment_days=_days(values.get("payment_days", 0)),
        e_invoice=read_flag(values, "company", "e_invoice", default=False),
        language=_language(values.get("language", ENGLISH)),
    )
    _check_together(company)
    return company


def company_settings(company: Company) -> dict[str, object]:
    """Write the value of `MONTHCLOSE_COMPANY`, which the functions read. Empty entries are left out."""
    given = {name: value for name, value in asdict(company.seller).items() if value}
    language = {"language": company.language} if company.language != ENGLISH else {}
    return {**given, "payment_days": company.payment_days, "e_invoice": company.e_invoice, **language}


def _language(value: object) -> str:
    if value not in languages():
        raise ConfigError(f"company.language: {value!r} has no catalogue; there are {', '.join(languages())}")
    return str(value)


def _check_together(company: Company) -> None:
    size = len(json.dumps(company_settings(company), ensure_ascii=False).encode())
    if size > _MAX_BYTES:
        raise ConfigError(f"company: {size} bytes in all, {_MAX_BYTES} at most; shorten the terms or the footer")
    if company.e_invoice:  # EN 16931: BR-06, BR-09, BR-CO-26
        for name in ("country", "tax_id"):
            if not getattr(company.seller, name):
                raise ConfigError(f"company.{name}: missing; an electronic invoice (e_invoice) must state it")


def _text(key: str, value: object) -> str:
    pattern, hint = _TEXTS[key]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ConfigError(f"company.{key}: {value!r} is not {hint}")
    return value


def _address(value: object) -> tuple[str, ...]:
    lines = value if isinstance(value, list) else [None]
    if len(lines) > _MAX_ADDRESS_LINES or not all(isinstance(line, str) and 0 < len(line) <= 80 for line in lines):
        raise ConfigError(f"company.address: up to {_MAX_ADDRESS_LINES} lines of up to 80 characters, as a list")
    return tuple(lines)


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 0 <= value <= 365:
        raise ConfigError(f"company.payment_days: {value!r} is not a whole number from 0 to 365")
    return int(value)
