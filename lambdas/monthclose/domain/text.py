"""Text from outside: what can be an identifier, a text that is stored and shown, a reason, a number."""

import re
from decimal import Decimal

from monthclose.domain.errors import UserMistakeError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAX_KEY_LENGTH = 256
"""Longest customer id, SKU or event id, in characters (a DynamoDB sort key holds 1,024 bytes)."""
MAX_TEXT_LENGTH = 4096
"""Longest name or description, in characters (a DynamoDB item holds 400 KB in all)."""
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
MAX_DIGITS = 28
"""Most digits of a quantity or price; DynamoDB's numbers hold 38, sums need room."""


def parse_decimal(text: str, what: str) -> Decimal:
    """Read a finite decimal number of at most `MAX_DIGITS` digits.

    Raises
    ------
    UserMistakeError
        The text is no such number; `what` names it in the message.
    """
    if not _NUMBER.fullmatch(text):  # Decimal itself would read 1_000, NaN and other scripts' digits
        raise UserMistakeError(f"{what} is not a number")
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise UserMistakeError(f"{what} has more than {MAX_DIGITS} digits") from None
    if len(text) > MAX_DIGITS or "e" in text or "E" in text:  # others are short enough, and this is done for every row
        _, digits, power = number.as_tuple()
        assert isinstance(power, int)
        if len(digits) + max(power, 0) > MAX_DIGITS or -power > MAX_DIGITS:
            raise UserMistakeError(f"{what} has more than {MAX_DIGITS} digits")
    return number if number else Decimal(0)  # -0 and 0E5 are 0


def check_text(text: str, what: str) -> str:
    """Return a text if it can be shown: not too long, nothing unprintable but line breaks and tabs.

    Raises
    ------
    UserMistakeError
        It can't; `what` names it in the message.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise UserMistakeError(f"{what} is longer than {MAX_TEXT_LENGTH} characters")
    if not text.isprintable() and _CONTROL_IN_TEXT.search(text):
        raise UserMistakeError(f"{what} has unprintable characters")
    return text


def check_key(text: str, what: str) -> str:
    """Return an identifier if it can be one: not empty, not too long, printable.

    Raises
    ------
    UserMistakeError
        It can't; `what` names it in the message.
    """
    if not text:
        raise UserMistakeError(f"{what} is missing")
    if len(text) > MAX_KEY_LENGTH:
        raise UserMistakeError(f"{what} is longer than {MAX_KEY_LENGTH} characters")
    if not text.isprintable():
        raise UserMistakeError(f"{what} has unprintable characters")
    return text


def check_reason(text: str, needed: str) -> str:
    """Return what a person gives as their reason or reference, without the spaces around it.

    Parameters
    ----------
    needed : str
        The message for somebody who gives none: `a reason is needed: the credit note says it`.

    Raises
    ------
    UserMistakeError
        There is none, or it is a text that cannot be stored or shown.
    """
    if not text.strip():
        raise UserMistakeError(needed)
    return check_text(text.strip(), "the text given")
