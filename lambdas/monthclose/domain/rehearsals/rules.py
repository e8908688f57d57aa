"""The gate: a comparison held against the rules. Whatever is found must be accepted before the close may charge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.rehearsals.billed import EntryKind, Outcome
from monthclose.domain.rehearsals.book_entries import NO_BOOK, BookEntries, describe
from monthclose.domain.rehearsals.comparison import ABOVE, GONE, NEW, TIMES, Comparison
from monthclose.domain.rehearsals.entries import EntryUse
from monthclose.domain.rehearsals.finding import Figures, GateFinding, listed, named, percent, signed
from monthclose.domain.rehearsals.settings import OFF, GateRules, by_currency, exact
from monthclose.domain.words import count

__all__ = ["OFF", "GateFinding", "GateRules", "judge"]

_MOST_OF_A_RULE = 50
"""Findings of one rule and currency that have a line of their own; those beyond are one finding together."""
_NOT_BILLED_NOW = "were billed last month and are not now"
_SAID_OF: Mapping[str, str] = {
    EntryKind.FEE: "is due from",
    EntryKind.DISCOUNT: "is given to",
    EntryKind.MAXIMUM: "applies to",
    EntryKind.SKU: "is used by",
    EntryKind.CREDIT: "is used by",
}


def judge(
    comparison: Comparison, rules: GateRules, book: PriceBook | None = None, period: Period | None = None
) -> tuple[GateFinding, ...]:
    """Hold a comparison against the rules; the same comparison always gives the same findings.

    Where there is no last month, the rules that compare with it find nothing.

    Parameters
    ----------
    comparison : Comparison
        Made with these rules: they decide at the time who is above a limit on single invoices.
    book, period : PriceBook and Period, or None
        What the drafts were priced with, to say of an entry what it is called and for whom it is, and to find those
        that nobody has.
    """
    entries = BookEntries.of(book, period) if book and period else NO_BOOK
    found: list[GateFinding] = []
    for currency in comparison.currencies:
        found += _total(comparison, rules, currency)
        found += _above(comparison, rules, currency)
        found += _times(comparison, rules, currency)
        found += _bounded(_everybody(comparison, rules, currency, entries), f"everybody:{currency}")
        found += _bounded(_vanished(comparison, rules, currency, entries), f"vanished:{currency}")
        found += _come_and_gone(comparison, rules, currency)
    found += _bounded(_unused(comparison, rules, entries), "unused")
    found += _parked(comparison, rules)
    return tuple(found)


def _total(comparison: Comparison, rules: GateRules, currency: str) -> Iterator[GateFinding]:
    if rules.total_percent is None or comparison.first:
        return
    money = comparison.money(currency)
    moved, last = money.difference_minor, money.last_minor
    if 100 * abs(moved) <= exact(rules.total_percent) * abs(last):
        return
    share = f"{percent(abs(moved), abs(last))} " if last else ""
    text = (
        f"the total in {currency} is {Money(money.now_minor, currency).figures}, "
        f"{share}{'more' if moved > 0 else 'less'} than last month's {Money(last, currency).figures} "
        f"({signed(moved, currency)})"
    )
    figures: Figures = {"currency": currency, "now_minor": money.now_minor, "last_minor": last}
    yield GateFinding(f"total:{currency}", "total_percent", text, figures)


def _above(comparison: Comparison, rules: GateRules, currency: str) -> Iterator[GateFinding]:
    group = comparison.struck.get(ABOVE, {}).get(currency)
    most = by_currency(rules.invoice_minor, currency)
    if not group or most is None:
        return
    are = "is" if group.customers == 1 else "are"
    text = f"{count(group.customers, 'invoice')} {are} above {Money(most, currency)}: {named(group, currency)}"
    figures: Figures = {
        "currency": currency,
        "invoices": group.customers,
        "now_minor": group.now_minor,
        "limit_minor": most,
    }
    yield GateFinding(f"above:{currency}", "invoice_minor", text, figures, group.top)


def _times(comparison: Comparison, rules: GateRules, currency: str) -> Iterator[GateFinding]:
    group = comparison.struck.get(TIMES, {}).get(currency)
    if not group or rules.customer_times is None:
        return
    are = "is" if group.customers == 1 else "are"
    text = (
        f"{count(group.customers, 'invoice')} {are} more than {rules.customer_times:g} times the customer's last, "
        f"in {currency}: {named(group, currency)}"
    )
    figures: Figures = {
        "currency": currency,
        "invoices": group.customers,
        "now_minor": group.now_minor,
        "last_minor": group.last_minor,
    }
    yield GateFinding(f"times:{currency}", "customer_times", text, figures, group.top)


def _everybody(comparison: Comparison, rules: GateRules, currency: str, entries: BookEntries) -> Iterator[GateFinding]:
    now, last = comparison.there_now(currency), comparison.there_last(currency)
    if rules.everybody_percent is None or comparison.first or not now:
        return
    for key, use in _used(comparison, currency):
        enough = use.customers >= rules.everybody_customers
        if not enough or 100 * use.customers <= exact(rules.everybody_percent) * now:
            continue
        if 2 * use.last_customers * now >= use.customers * last and use.last_customers:
            continue
        before = f"{use.last_customers:,} of {last:,}" if use.last_customers else "nobody"
        whom, said = entries.whom(key, currency), _SAID_OF.get(key.partition(":")[0], "is billed to")
        text = (
            f"{describe(key, entries)}{f' {whom} and' if whom else ''} {said} {use.customers:,} of "
            f"{count(now, 'customer')}; last month {said.rpartition(' ')[2]} {before}: {Money(use.minor, currency)}"
        )
        yield GateFinding(f"everybody:{currency}:{key}", "everybody_percent", text, _figures(use, currency, now, last))


def _vanished(comparison: Comparison, rules: GateRules, currency: str, entries: BookEntries) -> Iterator[GateFinding]:
    least = rules.vanished_customers
    for key, use in _used(comparison, currency):
        if not least or not key.startswith(EntryKind.SKU.key("")) or use.customers or use.last_customers < least:
            continue
        text = (
            f"{describe(key, entries)} is on no invoice; last month {count(use.last_customers, 'customer')} had it: "
            f"{Money(use.last_minor, currency)}"
        )
        figures = _figures(use, currency, comparison.there_now(currency), comparison.there_last(currency))
        yield GateFinding(f"vanished:{currency}:{key}", "vanished_customers", text, figures)


def _unused(comparison: Comparison, rules: GateRules, entries: BookEntries) -> Iterator[GateFinding]:
    """Find the fees and discounts that nobody has: a commitment has a line only where something is missing."""
    if not rules.unused_entries:
        return
    for entry in entries.holding:
        currencies = [entry.currency] if entry.currency else comparison.currencies
        uses = [comparison.use(entry.key, code) for code in currencies]
        if any(use.customers for use in uses):
            continue
        last = sum(use.last_customers for use in uses)
        before = f"; last month {count(last, 'customer')} had it" if last else ""
        text = f"{describe(entry.key, entries)} holds this month{entry.for_whom}, and nobody has it{before}"
        figures: Figures = {"currency": entry.currency, "customers": 0, "last_customers": last}
        yield GateFinding(f"unused:{entry.currency}:{entry.key}", "unused_entries", text, figures)


def _come_and_gone(comparison: Comparison, rules: GateRules, currency: str) -> Iterator[GateFinding]:
    last = comparison.there_last(currency)
    for name, limit, rule, of_one, of_many in (
        (GONE, rules.gone_percent, "gone_percent", "was billed last month and is not now", _NOT_BILLED_NOW),
        (NEW, rules.new_percent, "new_percent", "is new", "are new"),
    ):
        group = comparison.group(name, currency)
        said = of_one if group.customers == 1 else of_many
        if limit is None or comparison.first or 100 * group.customers <= exact(limit) * last:
            continue
        share = f" ({percent(group.customers, last)} of last month's {last:,})" if last else ""
        text = f"{count(group.customers, 'customer')} in {currency} {said}{share}: {named(group, currency)}"
        figures: Figures = {"currency": currency, "customers": group.customers, "last_customers": last}
        yield GateFinding(f"{name}:{currency}", rule, text, figures, group.top)


def _parked(comparison: Comparison, rules: GateRules) -> Iterator[GateFinding]:
    everybody = sum(comparison.now.values())
    number = comparison.now.get(Outcome.PARKED, 0)
    if rules.parked_percent is None or 100 * number <= exact(rules.parked_percent) * everybody:
        return
    reasons = sorted(comparison.parked(), key=lambda found: (-found[1].customers, found[0]))
    before = comparison.last.get(Outcome.PARKED, 0)
    text = (
        f"{number:,} of {count(everybody, 'customer')} {'is' if number == 1 else 'are'} parked "
        f"({percent(number, everybody)}): {', '.join(f'{group.customers:,} {reason}' for reason, group in reasons)}"
        f"; last month {before:,}"
    )
    top = tuple(movement for _, group in reasons for movement in group.top)
    figures: Figures = {"parked": number, "customers": everybody, "parked_last": before}
    yield GateFinding("parked", "parked_percent", text, figures, top)


def _used(comparison: Comparison, currency: str) -> Iterator[tuple[str, EntryUse]]:
    entries = comparison.entries.get(currency)
    if entries:
        yield from entries.in_order()


def _figures(use: EntryUse, currency: str, now: int, last: int) -> Figures:
    return {
        "currency": currency,
        "customers": use.customers,
        "of_customers": now,
        "last_customers": use.last_customers,
        "of_last_customers": last,
        "minor": use.minor,
        "last_minor": use.last_minor,
    }


def _bounded(found: Iterator[GateFinding], key: str) -> Iterator[GateFinding]:
    """Keep the first findings of a rule apart, and count the others together."""
    some = list(found)
    yield from some[:_MOST_OF_A_RULE]
    rest = some[_MOST_OF_A_RULE:]
    if rest:
        names = listed((finding.key.rpartition(":")[2] for finding in rest[:_MOST_OF_A_RULE]), len(rest))
        text = f"{count(len(rest), 'further entry', 'further entries')} like these: {names}"
        yield GateFinding(f"{key}:others", rest[0].rule, text, {"entries": len(rest)})
