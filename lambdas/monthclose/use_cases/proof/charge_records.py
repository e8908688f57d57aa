"""Records of charges and payments for a comparison, 32 bytes each, and the sorted runs of them that are stored.

A record begins with the fingerprint of the provider's reference, so that sorting brings together what both sides know
of a charge. The chance that two of ten million references have the same fingerprint is 1 : 370,000; such a pair would
be looked up, and be no finding.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from monthclose.domain.closes.proof import MoneyReturned, ProviderCharge
from monthclose.domain.payments.payment import Payment
from monthclose.ports import Documents

_LAYOUT = Struct(">QB3sIqII")
SIZE = _LAYOUT.size
KEY = slice(0, 8)
SAME = slice(9, 24)
"""The bytes that a charge and its payment share if they agree: currency, payment, amount."""
KIND = 8
"""The place of the byte that has the kind."""
_READ_AT_ONCE = 4096 * SIZE
_LONGEST_TEXT = 8192
"""In bytes: a payment's id and a reference have some hundred characters."""


class Kind(IntEnum):
    """What a record is of. Charges sort before what was returned of them, and before our payment."""

    CHARGE = 0
    RETURNED = 1
    PAYMENT = 2


class Entry(NamedTuple):
    """A record, unpacked.

    Parameters
    ----------
    check : int
        A hash of our payment's id.
    minor : int
        In minor units of the currency.
    place : tuple of int
        Of a charge: the number of its run, and where its text begins in the run's texts. Of a payment: its batch, and
        the place of its customer in it.
    """

    kind: Kind
    currency: str
    check: int
    minor: int
    place: tuple[int, int]


def _hash(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest())


def key_of(provider: str, reference: str) -> int:
    """Return the fingerprint of a provider's reference."""
    return _hash(f"{provider}\0{reference}", 8)


def check_of(payment_id: str) -> int:
    """Return the hash of a payment's id."""
    return _hash(payment_id, 4)


def of_charge(charge: ProviderCharge, run: int, offset: int) -> bytes:
    """Pack a provider's charge."""
    key, check = key_of(charge.provider, charge.reference), check_of(charge.payment_id)
    return _LAYOUT.pack(key, Kind.CHARGE, charge.currency.encode(), check, charge.minor, run, offset)


def of_returned(back: MoneyReturned) -> bytes:
    """Pack money that went back."""
    key = key_of(back.provider, back.reference)
    return _LAYOUT.pack(key, Kind.RETURNED, back.currency.encode(), 0, back.minor, 0, 0)


def of_payment(payment: Payment, batch: int, place: int) -> bytes:
    """Pack one of our payments."""
    key, check = key_of(payment.provider, payment.provider_ref), check_of(payment.payment_id)
    return _LAYOUT.pack(key, Kind.PAYMENT, payment.currency.encode(), check, payment.net_minor, batch, place)


def unpack(record: bytes) -> Entry:
    """Unpack a record."""
    _, kind, currency, check, minor, *place = _LAYOUT.unpack(record)
    return Entry(Kind(kind), currency.decode(), check, minor, (place[0], place[1]))


def text_of(charge: ProviderCharge) -> bytes:
    """Write what a finding says of a charge."""
    return json.dumps([charge.payment_id, charge.reference], ensure_ascii=False).encode() + b"\n"


def read_text(documents: Documents, key: str, offset: int) -> tuple[str, str]:
    """Read a charge's payment id and reference from its run's texts."""
    line, _, _ = documents.get_slice(key, offset, _LONGEST_TEXT).partition(b"\n")
    payment_id, reference = json.loads(line)
    return payment_id, reference


class StoredRun(NamedTuple):
    """A sorted run of records, in an object; its texts, if it is of charges, are in another."""

    provider: str
    number: int
    key: str
    records: int

    @property
    def texts(self) -> str:
        """The key of its texts."""
        return f"{self.key}.texts"


class RunReader:
    """Reads a run from its begin to its end, in constant memory.

    Parameters
    ----------
    skip : int
        Records that were read before.
    """

    def __init__(self, documents: Documents, run: StoredRun, skip: int = 0) -> None:
        self._documents, self._run = documents, run
        self._next, self._kept = skip, b""

    @property
    def read(self) -> int:
        """How many records were read, those skipped included."""
        return self._next - len(self._kept) // SIZE

    def fill(self) -> None:
        """Read on if nothing is kept; called ahead, from several threads, for runs that will be needed."""
        if not self._kept and self._next < self._run.records:
            self._kept = self._documents.get_slice(self._run.key, self._next * SIZE, _READ_AT_ONCE)
            self._next += len(self._kept) // SIZE

    def below(self, bound: int) -> Iterator[bytes]:
        """Take the records whose fingerprints are below a bound."""
        end = bound.to_bytes(8) if bound < 1 << 64 else b""
        while True:
            self.fill()
            kept = self._kept
            if not kept:
                return
            length = _length_below(kept, end) if end else len(kept)
            self._kept = kept[length:]
            yield from (kept[place : place + SIZE] for place in range(0, length, SIZE))
            if length < len(kept):
                return


def _length_below(records: bytes, end: bytes) -> int:
    """Find how many bytes of sorted records begin with less than `end`."""
    low, high = 0, len(records) // SIZE
    while low < high:
        middle = (low + high) // 2
        if records[middle * SIZE : middle * SIZE + 8] < end:
            low = middle + 1
        else:
            high = middle
    return low * SIZE


def groups(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Group sorted records by fingerprint, without those of a charge and a payment that agree."""
    group: list[bytes] = []
    for record in records:
        if group and group[0][KEY] != record[KEY]:
            if not _agree(group):
                yield group
            group = [record]
        else:
            group.append(record)
    if group and not _agree(group):
        yield group


def _agree(group: list[bytes]) -> bool:
    if len(group) != 2:
        return False
    charge, payment = group
    return charge[KIND] == Kind.CHARGE and payment[KIND] == Kind.PAYMENT and charge[SAME] == payment[SAME]
