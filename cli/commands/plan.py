"""`monthclose plan`: what closing a month will come to and take. Works before the close, and writes nothing."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import typer

from cli.console import amount, duration, grid, note, print_json, say, show
from cli.curve import points_as_json, sparkline
from cli.months import connect_for
from cli.spans import parse_span
from cli.system import System
from cli.typed import naming
from cli.view import survey
from monthclose.domain.closes.money_curve import curve, second_of_share
from monthclose.domain.closes.sampling import SAMPLE
from monthclose.domain.closes.timetable import GENERATING, PROVING, TELLING, Ask, Load
from monthclose.domain.notices.sending import UNLIMITED
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.names import LimitScope
from monthclose.use_cases.closes.outlook import Outlook

_CURVE_WIDTH = 40
_SHARES = (0.5, 0.9)


def plan(ctx: typer.Context, period: str | None, deadline: str, sample: int | None, *, in_json: bool) -> None:
    """Show what a close will come to, how long it takes and what it costs."""
    with naming("--deadline"):  # a typing mistake needs no connection to be told
        seconds = parse_span(deadline) if deadline else None
    system, chosen = connect_for(ctx, period)
    if survey(system, chosen):
        _tell_closed(system, chosen, in_json=in_json)
        return
    if seconds is None:
        seconds = system.ports.settings.close.deadline_hours * 3600.0
    outlook = system.use_cases.outlook_maker.outlook(chosen, seconds, sample or SAMPLE)
    if in_json:
        print_json(_as_json(system, outlook))
    else:
        _print(system, outlook)


def _tell_closed(system: System, period: Period, *, in_json: bool) -> None:
    """Say that the month is being closed, or was: what it comes to is no expectation any more."""
    view = survey(system, period)
    assert view is not None
    close = view.close
    if in_json:
        print_json(
            {
                "period": str(period),
                "status": view.state,
                "customers": close.customers,
                "batches": close.batches,
                "expected_seconds": close.expected_seconds,
                "warnings": list(close.warnings),
            }
        )
        return
    planned = f"{count(close.customers, 'customer')} in {count(close.batches, 'batch', 'batches')}"
    took = f", {duration(close.expected_seconds)} of charging" if close.expected_seconds else ""
    if view.running:
        say(f"{period} is being closed now; planned were {planned}{took}")
        note(f"  how far it is, and when it ends: monthclose status {period}")
    else:
        say(f"{period} has been closed ({view.state.replace('_', ' ')}); planned were {planned}{took}")
        note(f"  what came of it: monthclose report {period}")


def _print(system: System, outlook: Outlook) -> None:
    money = outlook.expected
    _title(system, outlook)
    say(f"  expected {_amounts(money.due) or 'nothing'} from {_customers(outlook)}", "bold")
    if not outlook.sample.exact:
        drafted = count(len(outlook.sample.chosen), "draft")
        say(f"  ± {_amounts(money.margins)}, 19 times in 20: estimated from {drafted}")
    show(grid([curve for currency in money.due for curve in _curve(outlook, currency)]))
    show(grid(_facts(outlook)))
    show(grid(_provider_rows(outlook), right=(1, 3, 4), header=_PROVIDERS))
    show(grid([*_time_facts(outlook), *_deadline(system, outlook), _cost(outlook)]))
    for warning in outlook.warnings:
        say(f"  warning: {warning}", "yellow")


def _title(system: System, outlook: Outlook) -> None:
    over = "" if outlook.as_of >= system.calendar.over(outlook.period) else "; the month is not over, more will come"
    say(f"plan of {outlook.period}, from the usage until {outlook.as_of:%Y-%m-%d %H:%M} UTC{over}", "bold")


def _customers(outlook: Outlook) -> str:
    return f"{'' if outlook.sample.exact else 'about '}{count(_charged(outlook), 'customer')}"


def _charged(outlook: Outlook) -> int:
    return round(sum(outlook.expected.charges.values()))


def _amounts(sums: Mapping[str, int]) -> str:
    return " + ".join(f"{amount(minor, currency)} {currency}" for currency, minor in sums.items())


def _curve(outlook: Outlook, currency: str) -> Iterable[tuple[str, str, str]]:
    own = [part for part in outlook.amounts if part.currency == currency]
    drawn = sparkline(curve(own, outlook.table.all_charged), _CURVE_WIDTH, currency)
    if drawn:
        shares = [
            f"{share:.0%} after {duration(second)}"
            for share in _SHARES
            for second in second_of_share(own, share).values()
        ]
        yield f"  {currency}", drawn, f"charged: {', '.join(shares)}, all after {duration(max(own).second)}"


def _facts(outlook: Outlook) -> Iterable[tuple[str, str]]:
    money, sample = outlook.expected, outlook.sample
    outcomes = [f"{_charged(outlook):,} charged", f"{round(money.nothing):,} nothing to bill"]
    if money.parked:
        reasons = ", ".join(f"{round(number):,} {reason.replace('_', ' ')}" for reason, number in money.parked.items())
        outcomes.append(f"{round(sum(money.parked.values())):,} parked: {reasons}")
    yield "  customers", f"{sample.customers:,}: {' · '.join(outcomes)}"
    if outlook.last is not None:
        yield "  month before", f"invoiced {_amounts(outlook.last) or 'nothing'}"
    yield "  invoices", _amounts(money.invoiced) or "none"
    size = f" of up to {outlook.batch_size:,} customers" if outlook.batch_size > 1 else " of one customer each"
    yield "  batches", f"{outlook.batches:,}{size}"


_PROVIDERS = ("  provider", "charges", "money", "limit/s", "charges/s", "takes")


def _provider_rows(outlook: Outlook) -> Iterable[tuple[str, ...]]:
    for load in outlook.work.loads:
        money = outlook.expected.due_by_provider.get(load.provider, {})
        yield (
            f"  {load.provider}",
            f"{round(load.charges):,}",
            _amounts(money) or "none",
            f"{load.limit.rate_per_second:g}",
            f"{load.per_second:.1f}",
            duration(load.seconds),
        )
    work = outlook.work
    if work.mail:
        left = f", {_left_today(outlook)} can be sent today" if _left_today(outlook) else ""
        yield (
            "  e-mail",
            f"{round(work.emails):,}",
            f"notices{left}",
            f"{work.mail.rate_per_second:g}",
            f"{work.mail.usable():.1f}",
            duration(work.telling),
        )


def _left_today(outlook: Outlook) -> str:
    quota = outlook.quota
    if quota is None or quota.per_day == UNLIMITED:
        return ""
    return f"{max(round(quota.per_day * (1 - _reserve(outlook)) - quota.sent), 0):,}"


def _reserve(outlook: Outlook) -> float:
    return outlook.work.mail.reserve_share if outlook.work.mail else 0.0


def _time_facts(outlook: Outlook) -> Iterable[tuple[str, str]]:
    table = outlook.table
    yield (
        "  time",
        f"first charge after {duration(table.first_charge)}, all invoiced after {duration(table.generated)}, "
        f"all charged after {duration(table.all_charged)}, ends after {duration(table.ends)}",
    )
    yield "  slowest", f"{_part_in_words(outlook, table.bottleneck)}: {duration(table.parts[table.bottleneck])}"


def _part_in_words(outlook: Outlook, part: str) -> str:
    match part:
        case _ if part == GENERATING:
            return f"the invoices, {outlook.work.generated_per_second:g} customers/s"
        case _ if part == TELLING:
            return f"the e-mails, {outlook.work.mail.usable():.1f}/s" if outlook.work.mail else "the e-mails"
        case _ if part == PROVING:
            return "the comparison with the providers' records and the proof"
    load = _load(outlook, part)
    if load.workers_per_second < load.allowed_per_second:
        return f"{part}'s {count(load.workers, 'worker')}, about {load.workers_per_second:g} charges/s"
    return f"{part}'s limit, {load.allowed_per_second:.1f} charges/s"


def _load(outlook: Outlook, provider: str) -> Load:
    return next(load for load in outlook.work.loads if load.provider == provider)


def _deadline(system: System, outlook: Outlook) -> Iterable[tuple[str, str]]:
    spare = outlook.deadline_seconds - outlook.table.ends
    if spare >= 0:
        yield "  deadline", f"{duration(outlook.deadline_seconds)}: holds, with {duration(spare)} to spare"
        return
    late = f"{duration(outlook.deadline_seconds)}: does not hold, the close ends {duration(-spare)} later"
    yield "  deadline", late
    for ask in outlook.asks:
        yield "", _ask_in_words(system, outlook, ask)
    if not outlook.asks:
        yield "", "no rate helps: opening the close and proving it take longer than that by themselves"


def _ask_in_words(system: System, outlook: Outlook, ask: Ask) -> str:
    if ask.of == TELLING:
        now = outlook.work.mail.rate_per_second if outlook.work.mail else 0
        return f"ask AWS for an SES sending rate of {ask.rate_per_second:,} e-mails/s ({now:g} now)"
    if ask.of == GENERATING:
        now = outlook.work.generated_per_second
        return f"set expected_customers in cdk.json: {ask.rate_per_second:,} invoices/s are needed ({now:g} now)"
    load, provider = _load(outlook, ask.of), system.provider(ask.of)
    where = "on each endpoint" if provider.limit_scope is LimitScope.ENDPOINT else "for the account"
    said = []
    if ask.rate_per_second > load.limit.rate_per_second:
        said.append(f"ask {ask.of} for {ask.rate_per_second:,} requests/s {where} ({load.limit.rate_per_second:g} now)")
    if ask.workers:
        said.append(f"set its maximum_concurrency to {ask.workers:,} ({load.workers} now)")
    return ", and ".join(said)


def _cost(outlook: Outlook) -> tuple[str, str]:
    parts = [f"{service} {cost:,.2f}" for service, cost in outlook.cost.items() if cost >= 0.005]
    total = sum(outlook.cost.values())
    written = f"about {total:,.2f} USD" if total >= 0.01 else "less than 0.01 USD"
    return "  AWS", f"{written}{': ' if parts else ''}{' · '.join(parts)}"


def _as_json(system: System, outlook: Outlook) -> dict[str, Any]:
    money, table, sample = outlook.expected, outlook.table, outlook.sample
    return {
        "period": str(outlook.period),
        "status": "not_closed",
        "usage_until": outlook.as_of.isoformat(),
        "month_is_over": outlook.as_of >= system.calendar.over(outlook.period),
        "customers": {
            "all": sample.customers,
            "charged": _charged(outlook),
            "nothing_to_bill": round(money.nothing),
            "parked": {reason: round(number) for reason, number in money.parked.items()},
        },
        "basis": {"method": "every_customer" if sample.exact else "sample", "drafted": len(sample.chosen)},
        "expected": dict(money.due),
        "off_by_at_most": dict(money.margins),
        "invoiced": dict(money.invoiced),
        "month_before": {"invoiced": dict(outlook.last)} if outlook.last is not None else None,
        "batches": {"number": outlook.batches, "largest": outlook.batch_size},
        "providers": [_load_as_json(system, outlook, load) for load in outlook.work.loads],
        "mail": _mail_as_json(outlook),
        "seconds": {
            "first_charge": round(table.first_charge, 1),
            "invoiced": round(table.generated, 1),
            "charged": round(table.all_charged, 1),
            "told": round(table.told, 1),
            "ends": round(table.ends, 1),
        },
        "bottleneck": table.bottleneck,
        "deadline": {
            "seconds": outlook.deadline_seconds,
            "holds": outlook.in_time,
            "asks": [{"of": a.of, "per_second": a.rate_per_second, "workers": a.workers or None} for a in outlook.asks],
        },
        "curve": points_as_json(curve(outlook.amounts, table.all_charged)),
        "cost_usd": {service: round(cost, 4) for service, cost in outlook.cost.items()},
        "warnings": list(outlook.warnings),
    }


def _load_as_json(system: System, outlook: Outlook, load: Load) -> dict[str, Any]:
    return {
        "provider": load.provider,
        "charges": round(load.charges),
        "money": outlook.expected.due_by_provider.get(load.provider, {}),
        "limit_per_second": load.limit.rate_per_second,
        "limit_scope": system.provider(load.provider).limit_scope,
        "charges_per_second": round(load.per_second, 3),
        "workers": load.workers,
        "seconds": round(load.seconds, 1),
    }


def _mail_as_json(outlook: Outlook) -> dict[str, Any] | None:
    work, quota = outlook.work, outlook.quota
    if work.mail is None or quota is None:
        return None
    return {
        "notices": math.ceil(work.emails),
        "limit_per_second": work.mail.rate_per_second,
        "notices_per_second": round(work.mail.usable(), 3),
        "per_day": None if quota.per_day == UNLIMITED else quota.per_day,
        "sent_today": quota.sent,
        "seconds": round(work.telling, 1),
    }
