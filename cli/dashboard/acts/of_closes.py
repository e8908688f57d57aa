"""Acts about a close: pause and resume its charging or a provider's, approve its drafts, close the parked again."""

from collections.abc import Iterator

from cli import operating
from cli.commands.rehearse import read_rehearsal
from cli.dashboard.acts.act import REASON, Act, Fact, Field, Given, Plan
from cli.dashboard.context import Dashboard
from cli.dashboard.looks import Look
from cli.system import System
from cli.view import money_line
from monthclose.domain.closes.close import Close
from monthclose.domain.closes.parked import what_helps
from monthclose.domain.closes.retry import Chosen
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.domain.words import count
from monthclose.use_cases.closes.pause_close import why_not_running

_WHO = Field(
    "customers",
    "Customers",
    "Their ids, one a line; leave it empty for all who are parked.",
    "long",
    required=False,
)
_WHY_PARKED = Field(
    "parked_for", "Parked for", "Only those with this reason, like no_price; empty for all.", required=False
)
_MOST_NAMED = 20
_MOST_FINDINGS = 30


def _pause(dashboard: Dashboard, given: Given) -> Plan:
    look = _look(dashboard, given)
    close = look.followed.view.close
    if not look.running:
        raise UserMistakeError(why_not_running(close.period, close))
    if close.paused:
        raise UserMistakeError(f"the close of {close.period} is paused already, {close.paused.in_words()}")

    def do() -> str:
        operating.pause_close(dashboard.system, close.period, dashboard.by, given["reason"])
        return f"Charging in the close of {close.period} is paused: within five seconds no more charge is begun."

    return Plan(
        f"Charging in the close of {close.period} stops within five seconds, until somebody resumes it.",
        list(_left(look)),
        "Pause charging",
        "",
        do,
        ("Invoices go on being made. Nothing is lost, and nobody is parked or put on hold because of it.",),
    )


def _resume(dashboard: Dashboard, given: Given) -> Plan:
    look = _look(dashboard, given)
    close = look.followed.view.close
    if not close.paused:
        raise UserMistakeError(f"the close of {close.period} is not paused")

    def do() -> str:
        operating.resume_close(dashboard.system, close.period, dashboard.by, given["reason"])
        then = "it continues within a minute" if look.running else "its execution is no longer running"
        return f"Charging in the close of {close.period} is resumed: {then}."

    what = f"Charging in the close of {close.period}, paused {close.paused.in_words()}, continues within a minute."
    return Plan(what, list(_left(look)), "Resume charging", _named(close.paused), do)


def _pause_provider(dashboard: Dashboard, given: Given) -> Plan:
    name = dashboard.system.provider(given["provider"]).name
    paused = dashboard.system.ports.limits.state(name).paused
    if paused:
        raise UserMistakeError(f"charging through {name} is paused already, {paused.in_words()}")

    def do() -> str:
        operating.pause_provider(dashboard.system, name, dashboard.by, given["reason"])
        return f"Charging through {name} is paused: within five seconds no more charge is begun."

    what = f"All charging through {name} stops within five seconds: of every close, the collections and people."
    return Plan(what, list(_left_for(dashboard, name)), f"Pause {name}", "", do)


def _resume_provider(dashboard: Dashboard, given: Given) -> Plan:
    name = dashboard.system.provider(given["provider"]).name
    paused = dashboard.system.ports.limits.state(name).paused
    if not paused:
        raise UserMistakeError(f"charging through {name} is not paused")

    def do() -> str:
        operating.resume_provider(dashboard.system, name, dashboard.by, given["reason"])
        return f"Charging through {name} is resumed: it continues within a minute."

    what = f"Charging through {name}, paused {paused.in_words()}, continues within a minute."
    return Plan(what, list(_left_for(dashboard, name)), f"Resume {name}", _named(paused), do)


def _approve(dashboard: Dashboard, given: Given) -> Plan:
    period = Period.parse(given["period"])
    found = dashboard.system.use_cases.approver.approvable(period)
    report = read_rehearsal(dashboard.system, found)
    findings = [finding["text"] for finding in report["findings"]]

    def do() -> str:
        approved = operating.approve(dashboard.system, found, dashboard.by, given["reason"])
        then = "The close continues now." if approved.continues else f"To close it: monthclose close {period}"
        return f"Rehearsal {found.number} of {period} is approved. {then}"

    facts = [Fact("Rehearsal", str(found.number)), *_billed(found, report["money"])]
    facts.append(Fact("Customers", f"{sum(report['customers'].values()):,}", figure=True))
    facts += [Fact("Parked", f"{number:,} {reason}") for reason, number in report["parked"].items() if number]
    more = [f"Finding: {text}" for text in findings[:_MOST_FINDINGS]]
    if len(findings) > _MOST_FINDINGS:
        more.append(f"and {len(findings) - _MOST_FINDINGS:,} more findings")
    return Plan(
        f"The close of {period} bills what rehearsal {found.number} has drafted, and nothing else; "
        f"{count(len(findings), 'finding')} of it {'is' if len(findings) == 1 else 'are'} accepted.",
        facts,
        f"Accept {count(len(findings), 'finding')} and let it charge" if findings else "Approve, and let it charge",
        str(found.number),
        do,
        more,
        f"/closes/{period}/rehearsal.html",
    )


def _retry(dashboard: Dashboard, given: Given) -> Plan:
    look = _look(dashboard, given)
    close = look.followed.view.close
    if operating.runs(dashboard.system, close):
        raise UserMistakeError(f"{close.period} is being closed right now, and takes up who is parked itself")
    operating.check_retry(close)
    chosen = _chosen(dashboard.system, close, given)
    if not chosen.providers:
        raise UserMistakeError(f"{close.period}: there is nobody to close again")

    def do() -> str:
        operating.start_retry(dashboard.system, close, chosen, dashboard.by, given["reason"])
        return f"{count(len(chosen.providers), 'customer')} of {close.period} are being closed again."

    names = list(chosen.providers)
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    parked = look.followed.view.totals.parked
    helps = [f"{reason}: {what_helps(reason)}" for reason in parked if parked[reason]]
    return Plan(
        f"These customers of {close.period} are invoiced, charged and told as in the close, and nobody else.",
        [
            Fact("Customers", f"{len(names):,}", figure=True),
            Fact("Who", ", ".join(names[:_MOST_NAMED]) + more),
        ],
        f"Close {count(len(names), 'customer')} again",
        " ".join(sorted(names)),
        do,
        helps,
    )


def _chosen(system: System, close: Close, given: Given) -> Chosen:
    named = given.get("customers", "").split("\n")
    ids = [name.strip() for name in named if name.strip()]
    chooser = system.use_cases.retry_chooser
    return chooser.named(ids, close.period) if ids else chooser.parked(close, given.get("parked_for", "").strip())


def _look(dashboard: Dashboard, given: Given) -> Look:
    period = Period.parse(given["period"])
    dashboard.looks.forget(period)
    look = dashboard.looks.at(period)
    if look is None:
        raise UserMistakeError(f"{period} has not been closed yet")
    return look


def _left(look: Look) -> Iterator[Fact]:
    """Say how many charges of a close are left, and what is collected of what is invoiced."""
    view = look.followed.view
    left = round(sum(standing.left for standing in view.standing.providers.values()))
    yield Fact("Charges left", f"{left:,}", figure=True)
    yield Fact("Charges tried", f"{view.standing.charges_tried:,}", figure=True)
    yield Fact("Collected so far", money_line(view.totals, "collected"), figure=True)
    yield Fact("Open", money_line(view.totals, "open"), figure=True)


def _left_for(dashboard: Dashboard, provider: str) -> Iterator[Fact]:
    """Say which closes charge through a provider, and how many charges that are."""
    for close in dashboard.system.ports.closes.all():
        look = dashboard.looks.at(close.period) if close.completed_at is None else None
        standing = look.followed.view.standing.providers.get(provider) if look else None
        if standing:
            yield Fact(f"Charges left of {close.period}", f"{round(standing.left):,}", figure=True)


def _billed(found: Rehearsal, money: object) -> Iterator[Fact]:
    assert isinstance(money, dict)
    for currency, of in money.items():
        yield Fact(f"To be billed, {currency}", str(Money(of["now_minor"], currency)), figure=True)
        if found.last_period:
            yield Fact(f"{found.last_period}, {currency}", str(Money(of["last_minor"], currency)), figure=True)


def _named(pause: Pause) -> str:
    return pause.time.isoformat()


def _to_close(given: Given) -> str:
    return f"/closes/{given['period']}"


def _to_closes(_given: Given) -> str:
    return "/"


ACTS = (
    Act("pause", "Pause the close of {}", "period", (REASON,), _pause, _to_close),
    Act("resume", "Resume the close of {}", "period", (REASON,), _resume, _to_close),
    Act("pause-provider", "Pause {}", "provider", (REASON,), _pause_provider, _to_closes),
    Act("resume-provider", "Resume {}", "provider", (REASON,), _resume_provider, _to_closes),
    Act("approve", "Approve the drafts of {}", "period", (REASON,), _approve, _to_close),
    Act("retry", "Close customers of {} again", "period", (_WHO, _WHY_PARKED, REASON), _retry, _to_close),
)
