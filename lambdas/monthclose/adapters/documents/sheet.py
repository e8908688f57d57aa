"""What every page shows alike: the letterhead, to whom it is, the foot, and how amounts and long words are written."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import batched
from typing import Any

from monthclose.adapters.documents.legible import clusters
from monthclose.domain.invoices.document_parts import Buyer, Seller
from monthclose.domain.money import Money
from monthclose.domain.phrases import said
from monthclose.locales import Locale, locale_for

_SCRIPTS = (
    "Arabic Hebrew Thai Devanagari Armenian Bengali Ethiopic Georgian Gujarati Gurmukhi Kannada Khmer Lao Malayalam "
    "Myanmar Oriya Sinhala Tamil Telugu Symbols"
)
FONTS = ("Noto Sans", "Noto Sans CJK JP", *(f"Noto Sans {script}" for script in _SCRIPTS.split()), "Noto Emoji")
"""In the order in which a letter is looked for; what none of them has is replaced."""
_LETTER_PAPER = frozenset({"US", "CA", "MX"})
_BREAK, MINUS = "\u200b", "\u2212"
_PIECE, NARROW = 18, 14
"""Characters after which a longer word may be broken: in wide columns, and in narrow ones."""
_WORDS = {"page": "Page", "carried_forward": "Carried forward", "brought_forward": "Brought forward"}


class Sheet:
    """One document's pages, in its language.

    Parameters
    ----------
    language : str
        Empty for English whose texts are shown as they are stored.
    """

    def __init__(self, seller: Seller, buyer: Buyer, currency: str, language: str) -> None:
        self.seller, self.buyer, self.currency, self.language = seller, buyer, currency, language
        self.locale: Locale = locale_for(language)
        self.say = self.locale.text

    def common(self, heading: str, title: str, words: Mapping[str, str], logo: bytes | None) -> dict[str, Any]:
        """Make what every page needs; `words` are the labels of its own, in English."""
        return {
            "title": title,
            "lang": self.locale.language,
            "heading": heading,
            "fonts": FONTS,
            "paper": "us-letter" if self.seller.country in _LETTER_PAPER else "a4",
            "words": {name: self.say(word) for name, word in (_WORDS | dict(words)).items()},
            "currency": self.currency,
            "seller": {"name": soft(self.seller.name), "address": self._seller_address()},
            "logo": list(logo) if logo else None,
            "buyer": self._buyer(),
            "footer": self.seller.footer,
            "footer_columns": self._footer_columns(),
        }

    def labelled(self, facts: Mapping[str, str]) -> list[tuple[str, str]]:
        """Translate the labels of facts, and leave out those that say nothing."""
        return [(self.say(label), value) for label, value in facts.items() if value]

    def payment(self, due_minor: int, reference: str) -> list[tuple[str, str]]:
        """Say how to transfer what is due; nothing if nothing is, or there is no account to transfer it to."""
        seller = self.seller
        if due_minor <= 0 or not seller.iban:
            return []
        facts = {"Bank": seller.bank, "IBAN": _grouped(seller.iban), "BIC": seller.bic, "Reference": reference}
        return self.labelled(facts)

    def figure(self, number: Decimal) -> str:
        """Write an exact number."""
        return self.locale.number(number).replace("-", MINUS)

    def amount(self, minor: int) -> str:
        """Write an amount without its currency."""
        return self.locale.figures(Money(minor, self.currency)).replace("-", MINUS)

    def sum_of(self, label: str, minor: int, *, strong: bool = False) -> dict[str, Any]:
        """Make a line of the sums."""
        return {"label": label, "value": f"{self.amount(minor)} {self.currency}", "strong": strong}

    def said(self, text: str) -> str:
        """Say a stored text."""
        return soft(said(text, self.locale) if self.language else text)

    def _buyer(self) -> dict[str, Any]:
        buyer = self.buyer
        attention = self.say("For the attention of {name}", name=soft(buyer.contact)) if buyer.contact else ""
        lines = (soft(line) for line in given(*buyer.address, buyer.region, buyer.country))
        return {
            "name": soft(buyer.name),
            "address": given(attention, *lines),
            "facts": [self.say("Tax ID {number}", number=soft(buyer.tax_id))] if buyer.tax_id else [],
        }

    def _seller_address(self) -> list[str]:
        seller = self.seller
        return given(*seller.address, f"{seller.postcode} {seller.city}".strip(), seller.country)

    def _footer_columns(self) -> list[list[str]]:
        seller = self.seller
        tax_id = self.say("Tax ID {number}", number=seller.tax_id) if seller.tax_id else ""
        columns = [
            given(seller.name, *self._seller_address()),
            given(seller.email, seller.phone, seller.website),
            given(tax_id, seller.registration),
        ]
        return [[soft(text) for text in column] for column in columns if column]


def given(*texts: str) -> list[str]:
    """List the texts that say something."""
    return [text for text in texts if text]


def soft(text: str, most: int = _PIECE) -> str:
    """Let words that are too long for a column be broken: SKUs and resources' names may have 256 characters."""
    return " ".join(_BREAK.join(_pieces(word, most)) if len(word) > most + 6 else word for word in text.split(" "))


def _grouped(iban: str) -> str:
    plain = iban.replace(" ", "")
    return " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def _pieces(word: str, most: int) -> Iterable[str]:
    """Cut a word, never between a letter and its marks."""
    return ("".join(piece) for piece in batched(clusters(word), most, strict=False))
