"""Links to an invoice or credit note: unforgeable tokens, for one customer and one document, valid until a day.

A token is `v1.KEY.CLAIMS.SIGNATURE`: the id of the key it was signed with, what it claims (JSON), and an HMAC-SHA-256
over the three parts before it; claims and signature in URL-safe base64. Nothing in it is secret but the key. A key is
rotated by adding one under a new id and naming it the current one; links signed with an older one work for as long as
that is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monthclose.domain.errors import MonthCloseError, UserMistakeError
from monthclose.domain.period import Period

if TYPE_CHECKING:
    from monthclose.domain.invoices.credit_note import CreditNote
    from monthclose.domain.invoices.invoice import Invoice

_VERSION = "v1"
_KEY_ID = re.compile(r"[a-z0-9-]{1,32}")
_TOKEN = re.compile(rf"{_VERSION}\.([a-z0-9-]{{1,32}})\.([A-Za-z0-9_-]{{1,4096}})\.([A-Za-z0-9_-]{{43}})", re.ASCII)
MIN_KEY_LENGTH = 32
"""In characters. RFC 2104 advises a key at least as long as the hash, 32 bytes."""


class LinkRefusedError(MonthCloseError):
    """The token is not ours, or was altered. Deliberately says no more: a forger must learn nothing."""


class LinkExpiredError(MonthCloseError):
    """A genuine token that has expired."""


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """The keys by id, and which of them signs.

    Raises
    ------
    UserMistakeError
        They cannot be used; the message names the id, never a key.
    """

    current: str
    keys: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise UserMistakeError(f"the current key {self.current!r} is not among the keys {sorted(self.keys)}")
        for name, key in self.keys.items():
            if not _KEY_ID.fullmatch(name):
                raise UserMistakeError(
                    f"{name!r} cannot be a key's id: use at most 32 lower-case letters, digits and hyphens"
                )
            if len(key) < MIN_KEY_LENGTH:
                raise UserMistakeError(f"the key {name!r} is shorter than {MIN_KEY_LENGTH} characters")

    def __repr__(self) -> str:
        return f"LinkKeys(current={self.current!r}, keys={sorted(self.keys)})"  # keys never reach a log


@dataclass(frozen=True, slots=True)
class InvoiceLink:
    """What a token says: this invoice or credit note of this customer may be read until then (UTC)."""

    number: str
    customer_id: str
    period: Period
    expires: datetime

    @classmethod
    def to(cls, issued: Invoice | CreditNote, now: datetime, valid_days: int) -> InvoiceLink:
        """Make a link that works for a number of days."""
        return cls(issued.number, issued.customer_id, issued.period, now + timedelta(days=valid_days))


def sign(link: InvoiceLink, keys: LinkKeys) -> str:
    """Make the token of a link, with the current key."""
    claims = [link.number, link.customer_id, str(link.period), int(link.expires.timestamp())]
    signed = f"{_VERSION}.{keys.current}.{_encode(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{signed}.{_signature(signed, keys.keys[keys.current])}"


def verify(token: str, keys: LinkKeys, now: datetime) -> InvoiceLink:
    """Read a token if it is genuine and has not expired.

    Signatures are compared in constant time, and a token with an unknown key takes the same way, so that the time
    an answer takes tells nothing.

    Raises
    ------
    LinkRefusedError
        It is none of ours, or altered.
    LinkExpiredError
        It was ours, and its time is over.
    """
    match = _TOKEN.fullmatch(token)
    if not match:
        raise LinkRefusedError("refused")
    key_id, claims, signature = match.groups()
    expected = _signature(token.rpartition(".")[0], keys.keys.get(key_id, keys.keys[keys.current]))
    genuine = hmac.compare_digest(expected, signature)
    if not genuine or key_id not in keys.keys:
        raise LinkRefusedError("refused")
    number, customer_id, period, expires = json.loads(_decode(claims))
    link = InvoiceLink(number, customer_id, Period.parse(period), datetime.fromtimestamp(expires, UTC))
    if now >= link.expires:
        raise LinkExpiredError("expired")
    return link


def _signature(signed: str, key: str) -> str:
    return _encode(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
