"""Choose the customers who are closed again without the rest, and store the list for the run that does it."""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.retry import MOST_RETRIED, Chosen
from monthclose.domain.errors import UserMistakeError
from monthclose.names import RETRIES_PREFIX
from monthclose.ports import CustomerDirectory, Documents, UsageStore
from monthclose.use_cases.closes.list_customers import CustomerLister
from monthclose.use_cases.closes.snapshot import read_batches

_NAMED_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class RetryChooser:
    """Chooses customers of a close."""

    directory: CustomerDirectory
    documents: Documents
    usage: UsageStore
    lister: CustomerLister

    def named(self, customer_ids: Iterable[str]) -> Chosen:
        """Choose customers by their ids.

        Raises
        ------
        UserMistakeError
            Some of them do not exist.
        """
        wanted = list(dict.fromkeys(customer_ids))
        known = self.directory.known(wanted)
        missing = [name for name in wanted if name not in known]
        if missing:
            more = f" and {len(missing) - _NAMED_AT_ONCE} more" if len(missing) > _NAMED_AT_ONCE else ""
            raise UserMistakeError(f"there is no customer {', '.join(missing[:_NAMED_AT_ONCE])}{more}")
        return _bounded((name, known[name].payment_provider) for name in wanted)

    def parked(self, close: Close, reason: str = "") -> Chosen:
        """Choose those who are parked, perhaps only for one reason."""
        return _bounded((one.customer_id, "") for one in self.lister.list(close, "parked", reason))

    def missed(self, close: Close) -> Chosen:
        """Choose customers who are not in the snapshot and have usage of the month.

        Without usage, somebody who became a customer later would pay the month's fees: they are closed by name.
        """
        known = _Known(
            name for batch in read_batches(self.documents, close.snapshot_key) for name in batch.customer_ids
        )
        absent = (one for one in self.directory.scan() if one.customer_id not in known)
        return _bounded(
            (one.customer_id, one.provider)
            for one in absent
            if next(iter(self.usage.events(one.customer_id, close.period)), None)
        )

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
        if len(chosen) == MOST_RETRIED:
            raise UserMistakeError(
                f"these are more than {MOST_RETRIED:,} customers: close the month again, which takes all who are left"
            )
        chosen[name] = provider
    return Chosen(chosen)
