"""What an import of prices says of whom it touches: a line for each kind of entry, and one for each entry."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cli.console import note, say
from monthclose.domain.pricing.book.changes import EntryChange, Section
from monthclose.domain.words import count
from monthclose.use_cases.rehearsals.last_month import LastMonth
from monthclose.use_cases.rehearsals.price_effects import Effect, Effects, Everybody

_MOST_ENTRIES = 10
"""Entries of a section that have a line; those with a mistake first, then those for the most customers."""
_MOST_IN_JSON = 1000
_MOST_NAMES = 5
_MOST_FIELDS = 3
_CONCERNED: Mapping[Section, str] = {
    Section.FEE: "due from",
    Section.DISCOUNT: "given to",
    Section.COMMITMENT: "binding for",
    Section.TAX_CLASS: "applied to",
    Section.LIMIT: "set for",
    Section.SETTING: "applied to",
}
_PLURALS = {Section.TAX_CLASS: "tax classes"}
_SCALARS = (str, int, float)


def print_effects(effects: Effects) -> None:
    """Print whom an import touches."""
    if not effects.effects:
        note("  the price book is as it was")
    for section in Section:
        entries = effects.of(section)
        if not entries:
            continue
        say(f"  {_summary(section, effects)}")
        listed = sorted(filter(_worth_a_line, entries), key=_place)
        for effect in listed[:_MOST_ENTRIES]:
            wrong = effect.unknown or effect.other_currency or effect.unpriced
            say(f"    {_in_words(effect, effects)}", "yellow" if wrong else "")
        if len(listed) > _MOST_ENTRIES:
            note(f"    and {len(listed) - _MOST_ENTRIES:,} more; all of them: --json")
        unused_skus = {effect.change.name for effect in entries} - {effect.change.name for effect in listed}
        if effects.last_month and unused_skus:
            unused = count(len(unused_skus), "SKU that nobody was billed for", "SKUs that nobody was billed for")
            say(f"    {'and ' if listed else ''}{unused} in {effects.last_month.period}")


def effects_as_json(effects: Effects) -> dict[str, Any]:
    """Put the effects into JSON; `customers` is None where it is not known."""
    everybody, last = effects.everybody, effects.last_month
    return {
        "entries": [_as_json(effect) for effect in effects.effects[:_MOST_IN_JSON]],
        "entries_in_all": len(effects.effects),
        "customers": {section.value: effects.concerned(section) for section in Section if section is not Section.PRICE},
        "customers_of": str(everybody.since) if everybody and everybody.since else None,
        "used_in": str(last.period) if last else None,
        "used_by_all": last.whole if last else None,
    }


def _as_json(effect: Effect) -> dict[str, Any]:
    change = effect.change
    return {
        "entry": change.section.value,
        "name": change.name,
        "currency": change.currency or None,
        "what": change.what.value,
        "for_everybody": not change.customers,
        "customers": effect.customers,
        "unknown": list(effect.unknown),
        "other_currency": list(effect.other_currency),
        "without_price": list(effect.unpriced),
        "before": list(change.before),
        "after": list(change.after),
    }


def _worth_a_line(effect: Effect) -> bool:
    """Whether to list an entry: prices of SKUs that nobody used are counted, for a catalogue has many of them."""
    change = effect.change
    return bool(effect.customers) or change.section is not Section.PRICE or bool(change.customers)


def _place(effect: Effect) -> tuple[bool, int, str]:
    return (
        not (effect.unknown or effect.other_currency or effect.unpriced),
        -(effect.customers or 0),
        effect.change.name,
    )


def _summary(section: Section, effects: Effects) -> str:
    entries = effects.of(section)
    kinds = Counter(effect.change.what for effect in entries)
    how = ", ".join(f"{number:,} {what}" for what, number in sorted(kinds.items()))
    line = f"{count(len(entries), section.value, _PLURALS.get(section, ''))} ({how})"
    if section is Section.PRICE:
        general = any(not effect.change.customers for effect in entries)
        return f"{line}: no month has been closed yet" if general and effects.last_month is None else line
    return f"{line}: {_CONCERNED[section]} {count(effects.concerned(section), 'customer')}"


def _in_words(effect: Effect, effects: Effects) -> str:
    change = effect.change
    fields = _fields(change)
    wrong = [
        f"{said}: {_names(names)}"
        for said, names in (
            ("not a customer", effect.unknown),
            ("billed in another currency", effect.other_currency),
            (f"no price for {'SKU' if len(effect.unpriced) == 1 else 'SKUs'}", effect.unpriced),
        )
        if names
    ]
    return "; ".join([f"{_title(change)}, {change.what}{fields}: {_whom(effect, effects)}", *wrong])


def _title(change: EntryChange) -> str:
    currency = f" in {change.currency}" if change.currency else ""
    if change.section is Section.PRICE:
        where = f" where {change.where}" if change.where else ""
        return f"price of SKU {change.name!r}{where}{currency}"
    text = change.description
    named = f"{text!r} ({change.name})" if text and text != change.name else repr(change.name)
    return f"{change.section} {named}{currency}"


def _fields(change: EntryChange) -> str:
    """Say what has changed of an entry, as far as it fits in a line."""
    if not change.before:
        return ""
    said = [
        f"{name} {was} to {is_now}" if isinstance(was, _SCALARS) and isinstance(is_now, _SCALARS) else name
        for name, (was, is_now) in change.differing.items()
    ]
    shown = said[:_MOST_FIELDS] + (["…"] if len(said) > _MOST_FIELDS else [])
    return f" ({', '.join(shown)})" if shown else ""


def _whom(effect: Effect, effects: Effects) -> str:
    change = effect.change
    if change.section is Section.PRICE:
        return f"for {_customers(effect)}" if change.customers else _used(effect, effects.last_month)
    if change.customers:
        return f"{_CONCERNED[change.section]} {_customers(effect)}"
    return f"names no customers, so it is {_CONCERNED[change.section]} {_all(effect, effects.everybody)}"


def _customers(effect: Effect) -> str:
    return count(effect.customers or 0, "customer")


def _all(effect: Effect, everybody: Everybody | None) -> str:
    number, currency = effect.customers or 0, effect.change.currency
    if everybody and everybody.since:
        return f"everybody{f' billed in {currency}' if currency else ''} ({number:,} in the close of {everybody.since})"
    return f"all {count(number, 'customer')}{f' billed in {currency}' if currency else ''}"


def _used(effect: Effect, last: LastMonth | None) -> str:
    assert last  # nobody is known to have used a SKU otherwise, and those have no line
    number = effect.customers or 0
    if not last.whole:
        return f"{number:,} of the {sum(last.by_currency.values()):,} largest invoices of {last.period} have it"
    billed = last.by_currency.get(effect.change.currency, 0)
    return f"{number:,} of {count(billed, 'customer')} used it in {last.period}"


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
