"""Whom a payer's invoice covers, and the parts of it: each member is priced by itself, as if it had its own invoice.

A member is priced by its own terms, but with the payer's period, and by what documents have billed for it, those of the
payer and of whoever paid for it before: the drafter sees the part of them that is the member's. So late usage, limits
and replacements need to know nothing of groups.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.cycles import period_before
from monthclose.domain.accounts.group import payer_for
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.document import made_from
from monthclose.domain.invoices.draft_content import Draft, SectionContent
from monthclose.domain.invoices.invoice import DocumentPlace
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing.line import LineContent
from monthclose.domain.pricing.replacement import kept_lines
from monthclose.domain.usage import UsageEvent
from monthclose.ports import Books, Documents, UsageStore


class Member(NamedTuple):
    """A part of an invoice.

    Parameters
    ----------
    tag : str
        What its lines are marked with: the customer's id, empty for the payer itself.
    payer_id : str
        The account whose invoice it is.
    account : Customer
        What it is priced as: the payer's account, with the member's id and late usage, and what its own invoices have
        billed in advance.
    profile : Profile
        Its own.
    billed_now : bool
        Whether the period is on the invoice; otherwise only late usage of an earlier one is.
    whose : Customer
        The member's account as it is stored: it says who has paid for it, and when.
    """

    tag: str
    payer_id: str
    account: Customer
    profile: Profile
    billed_now: bool
    whose: Customer

    def pays(self, period: Period) -> bool:
        """Whether the account that is priced pays for a period of the member."""
        return payer_for(self.whose, period) == ("" if not self.tag else self.payer_id)


class Part(NamedTuple):
    """What a member is billed.

    Parameters
    ----------
    lines : list
        Marked as its own.
    made_from : mapping
        What its draft was made from.
    """

    member: Member
    lines: list[LineContent]
    made_from: Mapping[str, Any]

    @classmethod
    def of(cls, member: Member, draft: Draft) -> Part:
        """Take a member's part from the draft of what it would be billed alone."""
        lines, more = draft["lines"] if member.billed_now else kept_lines(draft), made_from(draft)
        if member.tag or not member.billed_now:  # fees in advance might be for a period that somebody else pays for
            lines = [line for line in lines if Period.parse(line.get("period", draft["period"])) <= _of(draft)]
            more.pop("fees_ahead", None)
        marked: list[LineContent] = [{**line, "customer_id": member.tag} for line in lines] if member.tag else lines
        return cls(member, marked, more)


def _of(draft: Draft) -> Period:
    return Period.parse(draft["period"])


def is_grouped(customer: Customer) -> bool:
    """Whether a customer pays for others, or somebody pays for them, or that ever was so."""
    return bool(customer.children or customer.payers)


def members_of(books: Books, payer: Customer, period: Period) -> Iterator[Member]:
    """Find whom a customer's invoice covers: themselves first, then the others by their ids.

    Raises
    ------
    ParkCustomerError
        A member's currency is not the payer's.
    """
    own = {of: since for of, since in payer.late_usage.items() if not payer_for(payer, Period.parse(of))}
    alone = replace(payer, children={}, payers=(), late_usage=own)
    before = period_before(payer.billing_cycles, period)
    itself = replace(alone, sized_in=str(before)) if payer_for(payer, before) else alone
    yield Member("", payer.customer_id, itself, payer.profile, not payer_for(payer, period), payer)
    nothing = replace(alone, receivable_minor=0, credit_minor=0, carried_minor=0, carried_by_class={}, grants=())
    for name in sorted(payer.children):
        child = books.customer(name)
        if child is None:
            continue
        late = {of: since for of, since in payer.late_usage.items() if _pays(payer, child, Period.parse(of))}
        billed_now = _pays(payer, child, period)
        if billed_now or any(Period.parse(of) < period for of in late):
            _check_currency(child, payer)
            account = replace(nothing, customer_id=name, late_usage=late, fees_ahead=child.fees_ahead)
            if not _pays(payer, child, before):
                account = replace(account, sized_in=str(before) if payer_for(child, before) else child.sized_in)
            yield Member(name, payer.customer_id, account, child.profile, billed_now, child)


def _pays(payer: Customer, child: Customer, period: Period) -> bool:
    return payer_for(child, period) == payer.customer_id


def _check_currency(child: Customer, payer: Customer) -> None:
    wanted, found = payer.profile.currency, child.profile.currency
    if found != wanted:
        raise ParkCustomerError(
            "currency_mismatch",
            f"customer {child.customer_id} is in {found}, and {payer.customer_id}, who pays for them, in {wanted}; "
            "import one of them with the other's currency",
        )


@dataclass
class BilledParts:
    """What a payer's documents have billed, by member; each is read once."""

    books: Books
    documents: Documents
    payer_id: str

    @cached_property
    def months(self) -> Mapping[Period, CustomerMonth]:
        """The payer's months."""
        return self.books.months(self.payer_id)

    @cached_property
    def _others(self) -> dict[str, BilledParts]:
        return {}

    def of(self, account: str) -> BilledParts:
        """Say what another account's documents have billed."""
        if account not in self._others:
            self._others[account] = BilledParts(self.books, self.documents, account)
        return self._others[account]

    @cached_property
    def _read(self) -> dict[tuple[str, int], tuple[dict[str, Any], dict[str, list[LineContent]]]]:
        return {}

    def part(self, key: str, offset: int, length: int, tag: str) -> bytes:
        """Read what of a document is a member's."""
        if (key, offset) not in self._read:
            document: Draft = json.loads(self.documents.get_slice(key, offset, length))
            lines: dict[str, list[LineContent]] = {}
            for line in document["lines"]:
                lines.setdefault(line.get("customer_id", ""), []).append(unmarked(line))
            rest: dict[str, Any] = {
                name: value for name, value in document.items() if name not in ("lines", "sections")
            }
            self._read[key, offset] = rest, lines
        rest, lines = self._read[key, offset]
        sizes = rest.get("sizes_of", {}).get(tag, {}) if tag else rest.get("sizes", {})
        return json.dumps({**rest, "lines": lines.get(tag, []), "sizes": sizes}).encode()


def unmarked(line: LineContent) -> LineContent:
    """Leave out whose line it is."""
    return cast("LineContent", {name: value for name, value in line.items() if name != "customer_id"})


class _View:
    """A port of which one method is answered differently."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class _Billed:
    """What was billed for a member by whoever has paid for it: of each period, one document that says it all."""

    def __init__(self, billed: BilledParts, member: Member) -> None:
        self._billed, self._tag = billed, member.tag
        self._whose, self._payer = member.whose, member.payer_id
        self._together: dict[tuple[str, int], list[tuple[BilledParts, str, DocumentPlace]]] = {}

    @cached_property
    def months(self) -> Mapping[Period, CustomerMonth]:
        """Its months: parked are those that wait for who pays for them."""
        accounts = {self._payer: self._billed, **{name: self._billed.of(name) for name in self._others()}}
        if len(accounts) == 1:
            return self._billed.months
        periods = sorted({of for account in accounts.values() for of in account.months})
        return {of: self._month(of, accounts) for of in periods}

    def _others(self) -> list[str]:
        """Name who else has paid for it; itself, too, if it has not had a payer ever since."""
        payers, own = self._whose.payers, self._whose.customer_id
        names = {name or own for _, name in payers} | ({own} if payers and payers[0][0] else set())
        return sorted(names - {self._payer})

    def _month(self, of: Period, accounts: Mapping[str, BilledParts]) -> CustomerMonth:
        own = self._whose.customer_id
        months = {name: month for name, account in accounts.items() if (month := account.months.get(of))}
        with_one = {name: one for name, month in months.items() if (one := month.invoice or month.carried)}
        tags = {name: "" if name == own else own for name in with_one}
        places = [(accounts[name], tags[name], one.document) for name, one in with_one.items()]
        if places:
            first = places[0][2]
            self._together[first.key, first.offset] = places
        shown = months[next(iter(with_one or months))]
        paying = months.get(payer_for(self._whose, of) or own, CustomerMonth())
        return replace(shown, parking=paying.parking)

    def part(self, key: str, offset: int, length: int) -> bytes:
        """Read what of a document is the member's, and of what others have billed for the same period."""
        places = self._together.get((key, offset), [])
        if not places:
            return self._billed.part(key, offset, length, self._tag)
        parts = [json.loads(account.part(place.key, place.offset, place.length, tag)) for account, tag, place in places]
        return json.dumps(_merged(parts)).encode()


def _merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put together what several documents of a period have billed; of the sizes, the newest document's count."""
    found = dict(parts[0])
    by_time = sorted(parts, key=lambda part: part.get("usage_until", ""))
    for name in ("sizes", "later_prices"):
        found[name] = {key: value for part in by_time for key, value in part.get(name, {}).items()}
    return {
        **found,
        "lines": [line for part in parts for line in part["lines"]],
        "usage_until": by_time[-1].get("usage_until", ""),
    }


class _BooksOf(_View):
    """Books in which a member has the months of all who have paid for it."""

    def __init__(self, books: Books, billed: _Billed) -> None:
        super().__init__(books)
        self._billed = billed

    def months(self, _: str) -> Mapping[Period, CustomerMonth]:
        return self._billed.months


class _DocumentsOf(_View):
    """Documents that say only what is a member's."""

    def __init__(self, documents: Documents, billed: _Billed) -> None:
        super().__init__(documents)
        self._billed = billed

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        return self._billed.part(key, offset, length)


class _UsageOf(_View):
    """Usage without that of the period that a member is not billed for."""

    def __init__(self, usage: UsageStore, period: Period) -> None:
        super().__init__(usage)
        self._usage, self._period = usage, period

    def events(self, customer_id: str, period: Period) -> Iterable[UsageEvent]:
        return () if period == self._period else self._usage.events(customer_id, period)


def views(
    books: Books, documents: Documents, usage: UsageStore, billed: BilledParts, member: Member, period: Period
) -> dict[str, Any]:
    """Make the ports by which a member is priced, and say which periods may be billed for it."""
    together = _Billed(billed, member)
    return {
        "pays": member.pays,
        "books": cast("Books", _BooksOf(books, together)),
        "documents": cast("Documents", _DocumentsOf(documents, together)),
        "usage": usage if member.billed_now else cast("UsageStore", _UsageOf(usage, period)),
    }


def of_member(document: Draft, tag: str) -> Draft:
    """Take what of a document is a member's."""
    lines = [unmarked(line) for line in document["lines"] if line.get("customer_id", "") == tag]
    return cast("Draft", {**document, "lines": lines})


def sections(parts: Iterable[Part], before: Sequence[SectionContent] = ()) -> list[SectionContent]:
    """Say who the members are that have lines.

    Parameters
    ----------
    before : sequence
        The sections of a document that is replaced: of members whose lines are kept.
    """
    found = {section["customer_id"]: section for section in before}
    for member in (part.member for part in parts if part.member.tag and part.lines):
        section: dict[str, str] = {"customer_id": member.tag, "name": member.profile.name}
        references = {name: getattr(member.profile, name) for name in ("purchase_order", "cost_centre")}
        section |= {name: text for name, text in references.items() if text}
        found[member.tag] = cast("SectionContent", section)
    return [found[tag] for tag in sorted(found)]


def made_together(payer: Customer, period: Period, parts: Sequence[Part]) -> dict[str, Any]:
    """Put together what the members' drafts were made from.

    A note of late usage is covered once it is for every member that it concerns; so is one of a month that somebody
    else has paid for. Each member has sizes of its own that the next month begins with.
    """
    merged: dict[str, Any] = {"price_book": "", "tax_table": ""}
    for part in parts:
        for name, value in part.made_from.items():
            if name == "sizes":
                continue
            if isinstance(value, Mapping):
                merged[name] = {**merged.get(name, {}), **value}
            elif isinstance(value, list):
                merged[name] = [*dict.fromkeys([*merged.get(name, []), *value])]
            else:
                merged[name] = merged.get(name) or value
    left = {of for part in parts for of in part.member.account.late_usage.keys() - part.made_from.get("late_usage", {})}
    covered = merged.get("late_usage", {})
    covered |= {of: since for of, since in payer.late_usage.items() if payer_for(payer, Period.parse(of))}
    late_usage = {of: since for of, since in covered.items() if of not in left}
    return {**merged, "late_usage": late_usage, **_sizes(period, parts)}


def _sizes(period: Period, parts: Sequence[Part]) -> dict[str, Any]:
    """Say each member's sizes. The payer's account notes from `sizes` that a document says any of the period."""
    by_tag = {part.member.tag: sizes for part in parts if (sizes := part.made_from.get("sizes"))}
    own = by_tag.pop("", {})
    if any(str(period) in sizes for sizes in by_tag.values()):
        own = {str(period): [], **own}
    return {"sizes": own, "sizes_of": by_tag}
