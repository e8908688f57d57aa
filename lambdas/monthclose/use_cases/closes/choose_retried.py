"""Choose the customers who are closed again without the rest, and store the list for the run that does it."""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from monthclose.domain.accounts.cycles import days_of
from monthclose.domain.accounts.group import payer_in
from monthclose.domain.billing_window import span_of
from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.closes.batching import Planned
from monthclose.domain.closes.close import Close
from monthclose.domain.closes.retry import MOST_RETRIED, Chosen
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.names import RETRIES_PREFIX
from monthclose.ports import CustomerDirectory, Documents, UsageStore
from monthclose.use_cases.closes.list_customers import CustomerLister
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.usage_within import usage_within

_NAMED_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class RetryChooser:
    """Chooses customers of a close."""

    directory: CustomerDirectory
    documents: Documents
    usage: UsageStore
    lister: CustomerLister
    calendar: BillingCalendar = field(default_factory=BillingCalendar)

    def named(self, customer_ids: Iterable[str], period: Period) -> Chosen:
        """Choose customers by their ids.

        Raises
        ------
        UserMistakeError
            Some of them do not exist, or are not billed with the period.
        """
        wanted = list(dict.fromkeys(customer_ids))
        known = self.directory.billed(wanted)
        missing = [name for name in wanted if name not in known]
        if missing:
            more = f" and {len(missing) - _NAMED_AT_ONCE} more" if len(missing) > _NAMED_AT_ONCE else ""
            raise UserMistakeError(f"there is no customer {', '.join(missing[:_NAMED_AT_ONCE])}{more}")
        others = [name for name in wanted if days_of(known[name].billing_cycles, period) is None]
        if others:
            raise UserMistakeError(f"{others[0]} has another billing day: {period} does not bill them")
        return _bounded((name, known[name].profile.payment_provider) for name in wanted)

    def parked(self, close: Close, reason: str = "") -> Chosen:
        """Choose those who are parked, perhaps only for one reason."""
        return _bounded((one.customer_id, "") for one in self.lister.list(close, "parked", reason))

    def missed(self, close: Close) -> Chosen:
        """Choose customers whom the close bills, who are not in the snapshot, and who have usage of the period.

        Usage of a payer's customers is the payer's. Without usage, somebody who became a customer later would pay the
        month's fees: they are closed by name.
        """
        known = _Known(
            name for batch in read_batches(self.documents, close.snapshot_key) for name in batch.customer_ids
        )
        found = dict[str, Planned]()
        for one in self.directory.scan():
            billed = payer_in(one.payers, close.period) or one.customer_id
            if billed not in known and billed not in found and self._has_usage(one, close.period):
                found[billed] = one
                _check_number(found)
        return self._of_period(found, close.period)

    def _of_period(self, found: Mapping[str, Planned], period: Period) -> Chosen:
        """Name their providers; leave out a payer whom a close of the period does not bill."""
        chosen = {name: one.provider for name, one in found.items() if name == one.customer_id}
        payers = self.directory.billed(found.keys() - chosen.keys())
        paying = {name: payer for name, payer in payers.items() if days_of(payer.billing_cycles, period)}
        return Chosen(chosen | {name: payer.profile.payment_provider for name, payer in paying.items()})

    def _has_usage(self, one: Planned, period: Period) -> bool:
        span = span_of(one.cycles, period, self.calendar, one.zones)
        used = usage_within(self.usage, one.customer_id, Window(*span)) if span else iter(())
        return next(used, None) is not None

    def store(self, close: Close, chosen: Chosen) -> str:
        """Store the list, and return its key: the same customers have the same one."""
        content = chosen.to_lines()
        key = f"{RETRIES_PREFIX}{close.period}/{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
        self.documents.put(key, content, "application/jsonl")
        return key


class _Known:
    """Who is in a snapshot, in 8 bytes for each customer: ten million of them take 80 MB.

    Two ids of a million with the same 64 bits are one in forty million, and would hide one missed customer.
    """

    def __init__(self, customer_ids: Iterator[str]) -> None:
        self._hashes = array("Q", sorted(array("Q", map(_hash, customer_ids))))

    def __contains__(self, customer_id: str) -> bool:
        place = bisect_left(self._hashes, _hash(customer_id))
        return place < len(self._hashes) and self._hashes[place] == _hash(customer_id)


def _hash(customer_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(customer_id.encode(), digest_size=8).digest())


def _bounded(rows: Iterable[tuple[str, str]]) -> Chosen:
    chosen = dict[str, str]()
    for name, provider in rows:
        chosen[name] = provider
        _check_number(chosen)
    return Chosen(chosen)


def _check_number(chosen: Collection[str]) -> None:
    if len(chosen) > MOST_RETRIED:
        raise UserMistakeError(
            f"these are more than {MOST_RETRIED:,} customers: close the month again, which takes all who are left"
        )
