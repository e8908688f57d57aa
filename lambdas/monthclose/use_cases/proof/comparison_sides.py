"""What a comparison with one provider keeps while it runs: sums, findings, and which charges were listed."""

import hashlib
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from monthclose.domain.closes.proof import MOST_FINDINGS, Comparison, Finding, ProviderCharge
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.use_cases.payments.charge_payment import Charger

_BUCKETS = 256
"""Buckets are sorted one at a time, as sorting needs memory for Python objects."""


class _Listed:
    """Fingerprints of the listed charges, eight bytes each. The chance of a collision in ten million is 1 : 370,000."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]

    def add(self, text: str) -> None:
        """Add a text's fingerprint."""
        fingerprint = _fingerprint(text)
        self._buckets[fingerprint % _BUCKETS].append(fingerprint)

    def seal(self) -> None:
        """Sort the fingerprints, for `in`."""
        self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]

    def __contains__(self, text: str) -> bool:
        fingerprint = _fingerprint(text)
        bucket = self._buckets[fingerprint % _BUCKETS]
        place = bisect_left(bucket, fingerprint)
        return place < len(bucket) and bucket[place] == fingerprint


def _fingerprint(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


@dataclass(slots=True)
class Side:
    """One provider's side of a comparison; changed by one thread, read by many."""

    name: str
    charger: Charger | None = None
    complete: bool = True
    charges: int = 0
    payments: int = 0
    booked: int = 0
    theirs: Counter[str] = field(default_factory=Counter)
    ours: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    findings_in_all: int = 0
    _listed: _Listed = field(default_factory=_Listed)

    def add_theirs(self, charge: ProviderCharge, minor: int, finding: Finding | None, *, booked: bool) -> None:
        """Count a provider's charge and the result of comparing it."""
        self.charges += 1
        self.booked += booked
        self.theirs[charge.currency] += minor
        self._listed.add(f"{charge.payment_id}\0{charge.reference}")
        self.add(*([finding] if finding else []))

    def seal(self) -> None:
        """End the provider's list: from now on `lists` may be called."""
        self._listed.seal()

    def lists(self, payment: Payment) -> bool:
        """Whether the provider lists a payment under the reference that we have."""
        return f"{payment.payment_id}\0{payment.provider_ref}" in self._listed

    def add_ours(self, payment: Payment, finding: Finding | None, *, listed: bool, booked: bool) -> None:
        """Count one of our payments; one collected after the provider's list was read counts on both sides."""
        self.payments += 1
        self.booked += booked
        self.ours[payment.currency] += payment.net_minor
        if not listed:
            self.theirs[payment.currency] += payment.net_minor
        self.add(*([finding] if finding else []))

    def add(self, *findings: Finding) -> None:
        """Count findings, and keep the first ones."""
        self.findings_in_all += len(findings)
        self.findings += findings[: max(MOST_FINDINGS - len(self.findings), 0)]

    @property
    def full(self) -> bool:
        """Whether no more findings are kept."""
        return len(self.findings) >= MOST_FINDINGS

    def break_off(self, check: str, detail: str) -> None:
        """Mark the comparison as incomplete, so that nothing is concluded from what is missing."""
        self.complete = False
        self.add(Finding(check, detail))

    def result(self, period: Period, at: datetime) -> Comparison:
        """Make the comparison's result."""
        return Comparison(
            period,
            self.name,
            at,
            self.complete,
            self.charges,
            self.payments,
            {currency: minor for currency, minor in sorted(self.theirs.items()) if minor},
            {currency: minor for currency, minor in sorted(self.ours.items()) if minor},
            self.booked,
            tuple(self.findings),
            self.findings_in_all,
        )
