"""The explanation of a line: steps, as data, that compute to the line's amount.

A step is a kind and its numbers as text; its amount follows from them by the table below and nothing else, so pricing
and checking use the same arithmetic. A line's amount is the sum of its steps, rounded once, half to even.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from monthclose.domain.money import Money
from monthclose.domain.period import Period, day_in_words
from monthclose.domain.phrases import Writer, listed
from monthclose.domain.pricing.exact import exact_text, shown

type Step = dict[str, str]
"""`kind`, the kind's numbers, and `amount` in major units, exact; see `_AMOUNTS` and `_WORDS`."""
type _Numbers = Mapping[str, Fraction]

_TEXTS = frozenset({"kind", "how", "amount", "up_to", "period", "invoice", "name", "first", "last", "bucket", "within"})
"""What in a step is not a number to compute with."""
MEASURING = (
    *("measured", "shared", "buckets", "percentile", "opening", "held", "divided", "multiplied"),
    *("rounded_up", "rounded_down", "rounded_nearest", "minimum", "each_event"),
)
"""Kinds of steps that say how a quantity was found, and cost nothing."""


def _none(_: _Numbers, _so_far: Fraction) -> Fraction:
    return Fraction(0)


def _units(n: _Numbers, _so_far: Fraction) -> Fraction:
    return n["quantity"] * n["unit_price"]


def _tier(n: _Numbers, _so_far: Fraction) -> Fraction:
    return n["quantity"] * n["unit_price"] + n.get("flat", Fraction(0))


def _packages(n: _Numbers, _so_far: Fraction) -> Fraction:
    started = -(-abs(n["quantity"]) // n["size"])
    return n["package_price"] * (started if n["quantity"] > 0 else -started) + n.get("flat", Fraction(0))


def _whole_packages(n: _Numbers, _so_far: Fraction) -> Fraction:
    whole = abs(n["quantity"]) // n["size"]
    return n["package_price"] * (whole if n["quantity"] > 0 else -whole) + n.get("flat", Fraction(0))


def _transactions(n: _Numbers, _so_far: Fraction) -> Fraction:
    return n["of"] * n["percent"] / 100 + n["count"] * n["fixed_fee"]


def _cap(n: _Numbers, so_far: Fraction) -> Fraction:
    return max(min(so_far, n["cap"]), -n["cap"]) - so_far


def _discount_amount(n: _Numbers, _so_far: Fraction) -> Fraction:
    return -min(n["off"], n["of"])


def _maximum(n: _Numbers, _so_far: Fraction) -> Fraction:
    return max(n["limit"] - n.get("earlier", 0), Fraction(0)) - n["reached"]


def _overage(n: _Numbers, _so_far: Fraction) -> Fraction:
    earlier = n.get("earlier", Fraction(0))
    above = max(earlier + n["reached"] - n["committed"], Fraction(0)) - max(earlier - n["committed"], Fraction(0))
    return above * (n["factor"] - 1)


_AMOUNTS: Mapping[str, Callable[[_Numbers, Fraction], Fraction]] = {
    "measured": _none,
    "shared": _none,
    "buckets": _none,
    "percentile": _none,
    "opening": _none,
    "allowance": _none,
    "units": _units,
    "tier": _tier,
    "packages": _packages,
    "whole_packages": _whole_packages,
    "tier_packages": _packages,
    "tier_whole_packages": _whole_packages,
    "held": _none,
    "divided": _none,
    "multiplied": _none,
    "rounded_up": _none,
    "rounded_down": _none,
    "rounded_nearest": _none,
    "minimum": _none,
    "each_event": _none,
    "free_transactions": _none,
    "transactions": _transactions,
    "transactions_at_minimum": lambda n, _: n["count"] * n["fee"],
    "transactions_at_maximum": lambda n, _: n["count"] * n["fee"],
    "prorated": lambda n, _: n["fee"] * n["seconds"] / n["of_seconds"],
    "percent": lambda n, _: n["of"] * n["percent"] / 100,
    "cap": _cap,
    "discount": lambda n, _: -n["of"] * n["percent"] / 100,
    "discount_amount": _discount_amount,
    "true_up": lambda n, _: n["committed"] - n["reached"],
    "term_true_up": lambda n, _: n["committed"] - n["earlier"] - n["reached"],
    "term_part": _none,
    "overage": _overage,
    "term_overage": _overage,
    "maximum": _maximum,
    "term_maximum": _maximum,
    "maximum_part": lambda n, _: -n["off"],
    "term_maximum_part": lambda n, _: -n["off"],
    "priced_again": lambda n, _: n["value"],
    "fee_due": lambda n, _: n["value"],
    "billed": lambda n, _: -n["value"],
    "carried": lambda n, _: n["value"],
    "tax_share": lambda n, so_far: n["share"] - so_far,
}
"""The amount that each kind of step adds, from its numbers and the sum of the steps before it."""

_WORDS: Mapping[str, str] = {
    "measured": "{how}: {quantity}",
    "shared": "{how}: {whole} in the month, {quantity} of it at this price",
    "buckets": "{within} {bucket}; {how} of these: {quantity}",
    "percentile": "{within} {bucket}; percentile {percentile} of these: {quantity}",
    "opening": "continuing from the month before: {size}",
    "allowance": "{free} of {quantity} are free, {billable} are billed",
    "units": "{quantity} x {unit_price} = {amount}",
    "tier": "tier {tier}: {quantity} x {unit_price}{plus} = {amount}",
    "packages": "{quantity} in packages of {size} at {package_price} each, part packages count in full = {amount}",
    "whole_packages": "{quantity} in packages of {size} at {package_price} each, part packages are free = {amount}",
    "tier_packages": "tier {tier}: {quantity} in packages of {size} at {package_price} each, "
    "part packages count in full{plus} = {amount}",
    "tier_whole_packages": "tier {tier}: {quantity} in packages of {size} at {package_price} each, "
    "part packages are free{plus} = {amount}",
    "held": "{quantity} by the time held; the tiers count what is held at a time",
    "divided": "{measured} / {divided_by} = {quantity}",
    "multiplied": "{measured} x {multiplied_by} = {quantity}",
    "rounded_up": "{measured} rounded up to a multiple of {multiple}: {quantity}",
    "rounded_down": "{measured} rounded down to a multiple of {multiple}: {quantity}",
    "rounded_nearest": "{measured} rounded to the nearest multiple of {multiple}: {quantity}",
    "minimum": "{measured} is less than the minimum of {minimum}, which is billed",
    "each_event": "each event rounded to a multiple of {multiple}, at least {minimum}: {quantity}",
    "free_transactions": "free transactions: {count}, and {of} is free in all",
    "transactions": "{percent}% of {of} + {fixed_fee} x {count} (for each transaction) = {amount}",
    "transactions_at_minimum": "{fee} x {count} (transactions at the minimum) = {amount}",
    "transactions_at_maximum": "{fee} x {count} (transactions at the maximum) = {amount}",
    "prorated": "{fee} x {part} = {amount}",
    "percent": "{percent}% of {of} = {amount}",
    "cap": "capped at {cap}: {amount}",
    "discount": "{percent}% off {of} = {amount}",
    "discount_amount": "{off} off {of} = {amount}",
    "true_up": "committed to {committed}, reached {reached}: {amount}",
    "term_true_up": (
        "committed to {committed} from {first} to {last}, reached {earlier} before and {reached} now: {amount}"
    ),
    "term_part": "{whole} x {part_of_term} = {part}",
    "overage": "reached {reached}; what is above {committed} costs {factor} times as much: {amount}",
    "term_overage": (
        "reached {earlier} before and {reached} now; what is above {committed} from {first} to {last} costs {factor} "
        "times as much: {amount}"
    ),
    "maximum": "at most {limit}, reached {reached}: {amount}",
    "term_maximum": "at most {limit} from {first} to {last}, reached {earlier} before and {reached} now: {amount}",
    "maximum_part": "at most {limit} in all, reached {reached}: this part of what is above it is {amount}",
    "term_maximum_part": (
        "at most {limit} in all from {first} to {last}, reached {earlier} before and {reached} now: this part of what "
        "is above it is {amount}"
    ),
    "priced_again": "{period} repriced with usage that arrived later: {amount}",
    "fee_due": "due for {period}: {amount}",
    "billed": "already billed on {invoice}: {amount}",
    "carried": "carried over from {period}: {amount}",
    "tax_share": "of that, {share} for what is taxed the same",
}


_BUCKETS = {
    "minute": "per minute",
    "5_minutes": "per 5 minutes",
    "15_minutes": "per 15 minutes",
    "hour": "per hour",
    "day": "per day",
}
_OPEN_END = "any"
"""What the last tier goes up to."""
_UNITS_OF_TIME = (
    (86_400, "{part} of {whole} days"),
    (3600, "{part} of {whole} hours"),
    (60, "{part} of {whole} minutes"),
    (1, "{part} of {whole} seconds"),
)


class Explanation:
    """Collects the steps of one line.

    Parameters
    ----------
    month_seconds : int
        Length of the month that is billed, for fees by the second.
    """

    def __init__(self, month_seconds: int = 0) -> None:
        self.month_seconds = month_seconds
        self.steps: list[Step] = []
        self.total = Fraction(0)
        """Their sum, in major units."""

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Explanation:
        """Continue an explanation."""
        explanation = cls()
        explanation.steps = [dict(step) for step in steps]
        explanation.total = sum((Fraction(step["amount"]) for step in explanation.steps), Fraction(0))
        return explanation

    def add(self, kind: str, **values: Fraction | Decimal | int | str) -> None:
        """Add a step; its amount follows from its numbers."""
        texts = {
            name: value if isinstance(value, str) else exact_text(Fraction(value)) for name, value in values.items()
        }
        amount = _amount(kind, texts, self.total)
        self.steps.append({"kind": kind, **texts, "amount": exact_text(amount)})
        self.total += amount

    def rounded(self, currency: str) -> Money:
        """The line's amount."""
        return Money.rounded(self.total, currency)


def recomputed(steps: Iterable[Mapping[str, str]], currency: str) -> Money:
    """Recompute a line's amount from its explanation.

    Raises
    ------
    ValueError
        A step's own amount isn't what its numbers make.
    """
    total = Fraction(0)
    for step in steps:
        amount = _amount(step["kind"], step, total)
        if Fraction(step["amount"]) != amount:
            raise ValueError(f"the step {dict(step)} makes {exact_text(amount)}")
        total += amount
    return Money.rounded(total, currency)


class _InEnglish:
    """Writes English without a catalogue, with months as the documents have them."""

    def text(self, english: str, /, **values: object) -> str:
        return english.format_map(values)

    def number(self, number: Decimal) -> str:
        return f"{number:,f}"

    def day(self, day: date) -> str:
        return day_in_words(day)

    def month(self, period: Period) -> str:
        return str(period)


IN_ENGLISH = _InEnglish()


def in_words(step: Mapping[str, str], writer: Writer = IN_ENGLISH) -> str:
    """Write a step as a person reads it: digits grouped, numbers without end to nine places."""
    texts = {
        name: text if name in _TEXTS - {"amount"} else _readable(text, writer)
        for name, text in step.items()
        if name != "kind"
    }
    texts["plus"] = f" + {texts['flat']}" if "flat" in texts else ""
    if "how" in step:
        # Stored words: braces in them are no blanks to fill in.
        texts["how"] = writer.text(step["how"].replace("{", "{{").replace("}", "}}"))
    if "bucket" in step:
        texts["bucket"] = writer.text(_BUCKETS[step["bucket"]])
        texts["within"] = writer.text(step["within"])
    for name in {"period", "invoice", "first", "last"} & step.keys():
        texts[name] = listed(step[name], writer)
    if step["kind"].startswith("tier"):
        texts["tier"] = _tier_in_words(step, writer)
    if step["kind"] == "term_part":
        texts["part_of_term"] = _part_in_words(Fraction(step["seconds"]), Fraction(step["of_seconds"]), writer)
    if step["kind"] == "prorated":
        texts["part"] = _part_in_words(Fraction(step["seconds"]), Fraction(step["of_seconds"]), writer)
    return writer.text(_WORDS[step["kind"]], **texts)


def worth_saying(steps: Sequence[Step]) -> Sequence[Step]:
    """Leave out what a customer sees without arithmetic: a fee for the whole month is that fee."""
    last = steps[-1] if steps else {}
    whole = last.get("kind") == "prorated" and Fraction(last["seconds"]) == Fraction(last["of_seconds"])
    return () if whole and all(step["kind"] in (*MEASURING, "prorated") for step in steps) else steps


def _tier_in_words(step: Mapping[str, str], writer: Writer) -> str:
    start, end = _readable(step["from"], writer), step["up_to"]
    if end == _OPEN_END:
        return writer.text("{start} to any", start=start)
    return writer.text("{start} to {end}", start=start, end=_readable(end, writer))


def _part_in_words(time: Fraction, month: Fraction, writer: Writer) -> str:
    """Write a part of a month in the largest unit of time that says it in whole numbers."""
    size, unit = next(
        ((size, unit) for size, unit in _UNITS_OF_TIME if not time % size and not month % size), _UNITS_OF_TIME[-1]
    )
    part, whole = (_readable(exact_text(length / size), writer) for length in (time, month))
    return writer.text(unit, part=part, whole=whole)


def _readable(text: str, writer: Writer) -> str:
    return writer.number(shown(Fraction(text)))


def _amount(kind: str, texts: Mapping[str, str], so_far: Fraction) -> Fraction:
    numbers = {name: Fraction(text) for name, text in texts.items() if name not in _TEXTS}
    return _AMOUNTS[kind](numbers, so_far)
