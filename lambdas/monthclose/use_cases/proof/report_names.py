"""The customers behind the report's counts, by name: the first of each kind, and how many there are in all."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import BatchProgress, Totals
from monthclose.domain.closes.listing import Listed, counts, listed, may_have
from monthclose.domain.closes.loose_end import LooseEndKind
from monthclose.ports import Books, CustomerDirectory, TimeIsUp
from monthclose.use_cases.batch_work import read_months
from monthclose.use_cases.proof.report import LOOSE_ENDS, MOST_NAMES, LooseEndEntry, LooseEndList, Report

_LISTED_APART = {"untold", *map(str, LooseEndKind)}
"""The report's loose ends."""


@dataclass(slots=True)
class NameLists:
    """The customers of a close by kind. Its customers are read only while a kind has room for more names."""

    names: dict[str, list[Listed]] = field(default_factory=dict)

    def add(self, progress: BatchProgress, books: Books, time_is_up: TimeIsUp = lambda: False) -> None:
        """Add a batch's; once time is up, no more are named."""
        kinds = [kind for kind in counts(progress.totals) if kind not in _LISTED_APART and self._has_room(kind)]
        kinds = [kind for kind in kinds if may_have(kind, progress)]
        if not kinds or time_is_up():
            return
        months = read_months(books, progress.batch.customer_ids, progress.period)
        for kind in kinds:
            known = self.names.setdefault(kind, [])
            known += listed(kind, progress, months)[: MOST_NAMES - len(known)]

    def _has_room(self, kind: str) -> bool:
        return len(self.names.get(kind, ())) < MOST_NAMES

    def content(self, totals: Totals) -> Mapping[str, LooseEndList]:
        """Put them into the report's shape."""
        in_all = {kind: number for kind, number in counts(totals).items() if kind not in _LISTED_APART}
        return {
            kind: {"customers": [_entry(one) for one in self.names.get(kind, ())], "in_all": number}
            for kind, number in in_all.items()
        }


def with_names(report: Report, directory: CustomerDirectory) -> Report:
    """Add the names of the customers whom a report lists: they are few, whatever the close's size."""
    ends = {kind: report[kind] for kind in LOOSE_ENDS if kind in report}
    listed_ends = (*ends.values(), *report["names"].values())
    known = directory.known({end["customer_id"] for ends in listed_ends for end in ends["customers"]})
    names = {kind: _named(ends, known) for kind, ends in report["names"].items()}
    return {**report, **{kind: _named(of, known) for kind, of in ends.items()}, "names": names}  # type: ignore[typeddict-item]


def _named(ends: LooseEndList, known: Mapping[str, Profile]) -> LooseEndList:
    return {**ends, "customers": [_with_name(end, known) for end in ends["customers"]]}


def _with_name(end: LooseEndEntry, known: Mapping[str, Profile]) -> LooseEndEntry:
    profile = known.get(end["customer_id"])
    return {**end, "name": profile.name} if profile else end


def _entry(one: Listed) -> LooseEndEntry:
    entry: LooseEndEntry = {
        "customer_id": one.customer_id,
        "what": ": ".join(filter(None, (one.reason, one.why))),
        "since": one.since.isoformat() if one.since else None,
    }
    if one.invoice:
        with suppress(TypeError, ValueError, ArithmeticError):  # the proof names an invoice that cannot be read
            entry["invoiced_minor"], entry["open_minor"] = one.invoice.total_minor, one.invoice.open.minor
            entry["invoice"], entry["currency"] = one.invoice.number, one.invoice.currency
    return entry
