"""Refusals on the report's page: what dunning has recovered, step by step, and declines by code and card brand."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from monthclose.charts import share_bar
from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.recovery import CHARGES, RECOVERY, ChargeSum, RecoverySum, Step
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import REFUSED
from monthclose.use_cases.proof.page_parts import Cell, Column, Section, Table, row
from monthclose.use_cases.proof.report_money import share
from monthclose.use_cases.proof.report_people import words

_MOST_BRANDS = 6
"""Brands that have a column of their own."""
_OTHERS = "Others"


def recovery(figures: Figures) -> Iterator[Section]:
    """Lay out what was refused, and what came in of it by which step; nothing if nothing was refused."""
    found = figures.rows(RECOVERY)
    tables = [
        _by_step(code, [one for one in found if one.currency == code]) for code in sorted({o.currency for o in found})
    ]
    if tables:
        intro = "Of the month's invoices that were refused at first: what came in later, and after which step."
        yield Section("Recovery by dunning", "recovery", intro=intro, tables=tables)


def _by_step(currency: str, found: Iterable[RecoverySum]) -> Table:
    found = sorted(found, key=lambda one: (one.step != Step.REFUSED, one.step, one.told))
    refused = sum(one.minor for one in found if one.step == Step.REFUSED)
    came = sum(one.minor for one in found if one.step != Step.REFUSED)
    columns = [
        *(Column(f"In {currency}", "text"), Column("", "chart"), Column("Attempts")),
        *(Column("Successes"), Column("Amount"), Column("Share")),
    ]
    rows = [_step(one, refused, currency) for one in found]
    total = row("Recovered", "", "", "", Money(came, currency).figures, share(came, refused))
    return Table(columns, rows, [total])


def _step(one: RecoverySum, refused: int, currency: str) -> list[Cell]:
    first = one.step == Step.REFUSED
    return row(
        Cell("Refused at first" if first else words(one.step), f"after “{words(one.told)}”" if one.told else ""),
        share_bar(one.minor, refused, "open" if first else "collected"),
        f"{one.attempts:,}",
        "" if first else f"{one.successes:,}",
        Money(one.minor, currency).figures,
        "" if first else share(one.minor, refused),
    )


def declines(figures: Figures) -> Iterator[Section]:
    """Lay out how charges ended: why they were declined, by card brand; nothing if none was declined."""
    found = figures.rows(CHARGES)
    refused = [one for one in found if one.outcome in REFUSED]
    if not refused:
        return
    common = [brand for brand, _ in _counted(found, _brand).most_common(_MOST_BRANDS)]
    brands = [*common, *([_OTHERS] if len(_counted(found, _brand)) > len(common) else [])]
    by_code = _counted(refused, lambda one: (one.code or one.outcome, _column(one, common)))
    codes = [code for code, _ in _counted(refused, lambda one: one.code or one.outcome).most_common()]
    rows = [_counts(words(code), [by_code[code, brand] for brand in brands]) for code in codes]
    charges, failed = (_counted(of, lambda one: _column(one, common)) for of in (found, refused))
    foot = [
        _counts("Charges", [charges[brand] for brand in brands]),
        row(
            "Declined",
            *(share(failed[brand], charges[brand]) for brand in brands),
            share(failed.total(), charges.total()),
        ),
    ]
    columns = [Column("Why", "text"), *map(Column, brands), Column("All")]
    yield Section(
        "Declines by card brand",
        "declines",
        intro="Charges of the month's invoices that were refused; one that is tried again counts each time.",
        tables=[Table(columns, rows, foot)],
    )


def _counted[K](found: Iterable[ChargeSum], key: Callable[[ChargeSum], K]) -> Counter[K]:
    counted: Counter[K] = Counter()
    for one in found:
        counted[key(one)] += one.charges
    return counted


def _brand(one: ChargeSum) -> str:
    return words(one.card_brand) if one.card_brand else f"{words(one.provider)}, no brand"


def _column(one: ChargeSum, common: Iterable[str]) -> str:
    return _brand(one) if _brand(one) in common else _OTHERS


def _counts(label: str, numbers: list[int]) -> list[Cell]:
    return row(label, *(f"{number:,}" if number else "" for number in numbers), f"{sum(numbers):,}")
