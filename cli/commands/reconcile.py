"""`monthclose reconcile`: settle what is outstanding, compare the books with the providers', prove them again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import typer

from cli.commands.report import NOT_COMPARED, print_loose_ends
from cli.connect import connected
from cli.console import amount, err, grid, note, print_json, say, show
from cli.exit_status import ExitStatus
from cli.system import System
from cli.view import counts_line
from monthclose.domain.audit import About
from monthclose.domain.audit import in_json as as_text
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.closes.proof import Comparison
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import ProviderPausedError
from monthclose.ports import Tell
from monthclose.use_cases.batch_work import recent_closes
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.reconciliation.money_desk import MoneyDesk, ProviderSettled
from monthclose.use_cases.reconciliation.reconcile_period import Reconciled, comparison_content
from monthclose.use_cases.reconciliation.recorded_desk import RECONCILE
from monthclose.use_cases.reconciliation.settle_payments import Settled

_IN_WORDS = {
    "ConflictError": "other processes are writing to the same records",
    "OutcomeUnknownError": "the provider's answer was cut off",
    "ProviderDownError": "the provider cannot be reached or is failing",
    "RateLimitedError": "the provider says that we send too many requests",
    "TryLaterError": "the provider or AWS was briefly unavailable, see above",
}
"""What an error means to the person who runs the command."""
_MOST_ROWS = 50


def reconcile(
    ctx: typer.Context,
    period: str | None,
    provider: str | None,
    by: str,
    *,
    everyone: bool,
    here: bool,
    in_json: bool,
) -> None:
    """Settle what is outstanding and compare the books with the providers'."""
    chosen = Period.parse(period) if period else None
    system = connected(ctx)
    providers = _providers(system, provider)
    asked, only = as_text(providers=providers, every_payment=everyone or None), [provider] if provider else []
    desk = system.asking(RECONCILE, About(by=by, period=chosen, after=asked), here=here)
    done = Outcome()
    with _progress() as tell:
        for name in providers:
            done.providers[name] = desk.settle(name, everyone=everyone, tell=tell)
        periods = [chosen] if chosen else [close.period for close in recent_closes(system.ports.closes)]
        for each in periods:
            done.periods[each] = desk.reconcile(each, only, tell)
        booked = [each for each in periods if any(comparison.booked for comparison in done.periods[each].comparisons)]
        if booked:
            _finish(desk, done, tell)
        for each in booked:
            done.prove_again(each, desk.reconcile(each, only, tell))
    if in_json:
        print_json(done.content())
    else:
        _print(done)
    raise typer.Exit(ExitStatus.UNRESOLVED if done.findings() else ExitStatus.DONE)


@dataclass
class Outcome:
    """What came of it all."""

    providers: dict[str, ProviderSettled] = field(default_factory=dict)
    periods: dict[Period, Reconciled] = field(default_factory=dict)

    @property
    def settled(self) -> dict[str, Settled]:
        """What was settled, by provider; those that could not be reached are not there."""
        return {name: each.settled for name, each in self.providers.items() if each.settled}

    def prove_again(self, period: Period, again: Reconciled) -> None:
        """Take a later look at a period for the last word, without forgetting what the one before has booked."""
        before = {c.provider: c.booked for c in self.periods[period].comparisons}
        comparisons = [replace(c, booked=c.booked + before.get(c.provider, 0)) for c in again.comparisons]
        self.periods[period] = replace(again, comparisons=comparisons)

    def findings(self) -> list[dict[str, str]]:
        """List all findings, those of the periods' proofs included."""
        # Of no period: of dead letters, leases, providers that cannot be reached.
        beside = [{"period": "", **asdict(finding)} for each in self.providers.values() for finding in each.findings]
        return beside + [
            {"period": str(period), **finding}
            for period, done in self.periods.items()
            for finding in done.report["proof"]["findings"]
        ]

    def content(self) -> dict[str, Any]:
        """Put it into JSON."""
        return {
            "ties": not self.findings(),
            "findings": self.findings(),
            "settled": {
                name: {**settled.counts(), "batches": settled.batches, "left": settled.left, "waiting": settled.waiting}
                for name, settled in self.settled.items()
            },
            "dead_letters": {name: dict(each.drained) for name, each in self.providers.items()},
            "comparisons": [
                comparison_content(comparison) for done in self.periods.values() for comparison in done.comparisons
            ],
            "closes": {str(period): done.report["status"] for period, done in self.periods.items()},
            **{
                kind: {str(period): done.report[kind] for period, done in self.periods.items()}
                for kind in ("unfinished", "waiting")
            },
        }


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show one line of progress on a terminal, and nothing elsewhere."""
    with err().status("reconciling") as status:
        yield status.update


def _providers(system: System, name: str | None) -> list[str]:
    return sorted(system.ports.settings.providers) if name is None else [system.provider(name).name]


def _finish(desk: MoneyDesk, done: Outcome, tell: Tell) -> None:
    """Write to the customers who were found to have paid."""
    for name in done.settled:
        more = ProviderSettled(settled=desk.finish(name, tell))
        done.providers[name] = done.providers[name].and_then(more)


def _print(done: Outcome) -> None:
    for name, settled in done.settled.items():
        finished = f"; totals of {count(settled.batches, 'batch', 'batches')} updated" if settled.batches else ""
        looked_at = count(settled.states.total(), "payment")
        came_to = f": {counts_line(settled.states)}" if settled.states else ""
        say(f"{name}: {looked_at} looked up{came_to}{finished}")
        for line in _left(settled):
            say(f"  {line}", "yellow")
        letters = done.providers[name].drained
        if any(letters.values()):
            say(f"  dead letters: {counts_line(letters)}")
    for period, reconciled in done.periods.items():
        for comparison in reconciled.comparisons:
            say(f"{period} {_line(comparison)}")
        say(*_verdict(period, reconciled.report))
        print_loose_ends(reconciled.report)
    if not done.periods:
        note("no month has been closed yet", "")
    _print_findings(done.findings())


def _verdict(period: Period, report: Report) -> tuple[str, str]:
    """Say in words whether the books tie, and in which style."""
    if report["proof"]["ties"]:
        return f"{period} the books tie", "bold green"
    if report["status"] == CloseStatus.NOT_COMPARED:
        return f"{period} {NOT_COMPARED}", "bold yellow"
    return f"{period} the books do not tie", "bold red"


def _left(settled: Settled) -> Iterator[str]:
    """Say in words what isn't settled, and what becomes of it."""
    if settled.waiting:
        yield (
            f"{count(settled.waiting, 'payment')} not started: the customer is being charged for another one; "
            "the reconciler starts them afterwards"
        )
    errors = dict(settled.errors)
    paused = errors.pop(ProviderPausedError.__name__, 0)
    if settled.left:
        why = f"{settled.provider} is paused for the moment, see: monthclose providers" if paused else "time ran out"
        yield f"{count(settled.left, 'payment')} not looked up: {why}; run it again later"
    for error, number in errors.items():
        why = _IN_WORDS.get(error, f"a defect ({error}), described above")
        yield f"{count(number, 'payment')} could not be looked up: {why}; run it again"


def _line(comparison: Comparison) -> str:
    theirs = ", ".join(f"{amount(minor, currency)} {currency}" for currency, minor in comparison.theirs.items())
    ours = ", ".join(f"{amount(minor, currency)} {currency}" for currency, minor in comparison.ours.items())
    sums = (
        f"{theirs or 'nothing'} on both sides"
        if theirs == ours
        else f"{theirs or 'nothing'} there; {ours or 'nothing'} here"
    )
    booked = f"; {count(comparison.booked, 'payment')} updated" if comparison.booked else ""
    whole = "" if comparison.complete else " (incomplete)"
    charges = (
        f"{count(comparison.charges, 'charge')} at the provider, {count(comparison.payments, 'payment')} in our books"
    )
    return f"{comparison.provider}: {charges}, {sums}{booked}{whole}"


def _print_findings(findings: Sequence[Mapping[str, str]]) -> None:
    if not findings:
        return
    say(count(len(findings), "finding"), "bold red")
    rows = [[f["period"], f["check"], f["customer_id"], f["detail"]] for f in findings[:_MOST_ROWS]]
    show(grid(rows, header=("month", "finding", "customer", "detail")))
    if len(findings) > _MOST_ROWS:
        note(f"and {len(findings) - _MOST_ROWS:,} more: monthclose reconcile --json")
