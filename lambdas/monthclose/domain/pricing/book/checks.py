"""What of a book cannot be meant, although each entry of it can be read: what has no effect, or contradicts itself."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from monthclose.domain.pricing.book.price_book import PriceBook
from monthclose.domain.pricing.book.special import Commitment, Discount, Limit
from monthclose.domain.pricing.book.term import Schedule
from monthclose.domain.pricing.exact import plain


def mistakes_of(book: PriceBook, known: PriceBook) -> list[str]:
    """Find them; each message names its entry.

    Parameters
    ----------
    book : PriceBook
        What is imported.
    known : PriceBook
        All that there is then.
    """
    sections: Sequence[tuple[str, Sequence[Discount | Commitment | Limit]]] = (
        ("discounts", book.discounts),
        ("commitments", book.commitments),
        ("limits", book.limits),
    )
    fees = {fee.id for fee in known.fees}
    only_fees = fees - {price.sku for price in known.prices}
    mistakes = [mistake for name, entries in sections for mistake in _fees_as_skus(only_fees, name, entries)]
    mistakes += _unknown_fees(fees, "commitments", book.commitments)
    mistakes += _unknown_fees(fees, "limits", book.limits)
    return [*mistakes, *_without_resources(book.limits, known), *_contradictions(book, known)]


def _fees_as_skus(fees: Set[str], section: str, entries: Sequence[Discount | Commitment | Limit]) -> Iterator[str]:
    """Find fees that are named where SKUs are expected: such an entry would silently have no effect."""
    how = "only count towards the whole invoice: take it out of skus" if section == "discounts" else "belong in fees"
    for number, entry in enumerate(entries, 1):
        for sku in entry.skus:
            if sku in fees:
                yield (
                    f'{section}[{number}] "{entry.id}": its skus name "{sku}", which is a fee, not a SKU of the '
                    f"price book; fees {how}, or give the fee another id if usage has this SKU"
                )


def _unknown_fees(fees: Set[str], section: str, entries: Sequence[Commitment | Limit]) -> Iterator[str]:
    for number, entry in enumerate(entries, 1):
        for fee in entry.fees:
            if fee not in fees:
                yield f'{section}[{number}] "{entry.id}": the price book has no fee "{fee}"'


def _without_resources(limits: Iterable[Limit], known: PriceBook) -> Iterator[str]:
    """Find maximums by resource on what has one line for all resources."""
    by_resource: dict[tuple[str, str], bool] = {}
    for price in known.prices:
        key = (price.sku, price.currency)
        by_resource[key] = by_resource.get(key, True) and price.by_resource
    for number, limit in enumerate(limits, 1):
        for sku in limit.skus if limit.per_resource else ():
            if not by_resource.get((sku, limit.currency)):
                yield (
                    f'limits[{number}] "{limit.id}": it is per resource, but "{sku}" is not priced by resource in '
                    f"{limit.currency}: give its prices per_resource = true"
                )


def _contradictions(book: PriceBook, known: PriceBook) -> Iterator[str]:
    """Find minimums that are more than the maximum of the same, for the same customers."""
    new = {id(entry) for entry in (*book.limits, *book.commitments)}
    minimums: defaultdict[_What, list[Commitment]] = defaultdict(list)
    for commitment in known.commitments:
        for what in _what(commitment):
            minimums[what].append(commitment)
    for limit in (one for one in known.limits if not one.per_resource):
        against = {id(one): one for what in _what(limit) for one in minimums[what]}
        if not limit.customers:
            against |= {id(one): one for one in known.commitments if _about(one) == _about(limit)}
        for commitment in against.values():
            above = commitment.minimum > limit.maximum and _overlap(limit.schedule, commitment.schedule)
            if above and {id(limit), id(commitment)} & new:
                yield (
                    f'commitments "{commitment.id}" and limits "{limit.id}": at least {plain(commitment.minimum)} and '
                    f"at most {plain(limit.maximum)} {limit.currency} for {limit.scope.in_words()}: change one of them"
                )


type _What = tuple[object, ...]


def _about(entry: Commitment | Limit) -> _What:
    return (entry.currency, entry.term, entry.calendar, frozenset(entry.skus), frozenset(entry.fees))


def _what(entry: Commitment | Limit) -> Iterator[_What]:
    """Say what an entry bounds, for each of its customers, and for everybody: what is general binds them, too."""
    for customer in ("", *entry.customers):
        if customer or not entry.customers or isinstance(entry, Limit):
            yield (*_about(entry), customer)


def _overlap(one: Schedule, other: Schedule) -> bool:
    """Whether both can hold in a month; bounds within a month are left aside."""
    firsts = [schedule.months.first for schedule in (one, other) if schedule.months.first]
    ends = [schedule.months.end for schedule in (one, other) if schedule.months.end]
    return not firsts or not ends or max(firsts) < min(ends)
