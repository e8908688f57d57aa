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
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.closes.proof import Comparison, Finding
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import ProviderPausedError, ProviderRefusedError, TryLaterError
from monthclose.ports import Tell
from monthclose.use_cases.batch_work import recent_closes
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.reconciliation.reconcile_period import Reconciled, comparison_content
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


def reconcile(ctx: typer.Context, period: str | None, provider: str | None, *, everyone: bool, in_json: bool) -> None:
    """Settle what is outstanding and compare the books with the providers'."""
    chosen = Period.parse(period) if period else None
    system = connected(ctx)
    providers = _providers(system, provider)
    reconciler, only = system.use_cases.period_reconciler, [provider] if provider else []
    done = Outcome()
    with _progress() as tell:
        for name in providers:
            _settle(system, name, done, tell, everyone=everyone)
        periods = [chosen] if chosen else [close.period for close in recent_closes(system.ports.closes)]
        for each in periods:
            done.periods[each] = reconciler.reconcile(each, only, tell=tell)
        booked = [each for each in periods if any(comparison.booked for comparison in done.periods[each].comparisons)]
        if booked:
            _finish(system, providers, done, tell)
        for each in booked:
            done.prove_again(each, reconciler.reconcile(each, only, tell=tell))
    if in_json:
        print_json(done.content())
    else:
        _print(done)
    raise typer.Exit(ExitStatus.UNRESOLVED if done.findings() else ExitStatus.DONE)


@dataclass
class Outcome:
    """What came of it all."""

    drained: dict[str, Mapping[str, int]] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    beside: list[Finding] = field(default_factory=list)
    """Findings of no period: of dead letters, leases, providers that cannot be reached."""
    periods: dict[Period, Reconciled] = field(default_factory=dict)

    def prove_again(self, period: Period, again: Reconciled) -> None:
        """Take a later look at a period for the last word, without forgetting what the one before has booked."""
        before = {c.provider: c.booked for c in self.periods[period].comparisons}
        comparisons = [replace(c, booked=c.booked + before.get(c.provider, 0)) for c in again.comparisons]
        self.periods[period] = replace(again, comparisons=comparisons)

    def findings(self) -> list[dict[str, str]]:
        """List all findings, those of the periods' proofs included."""
        beside = [{"period": "", **asdict(finding)} for finding in self.beside]
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
            "dead_letters": {name: dict(counts) for name, counts in self.drained.items()},
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


def _settle(system: System, name: str, done: Outcome, tell: Tell, *, everyone: bool) -> None:
    """Drain a provider's dead letters and settle its payments."""
    settings = system.ports.settings.providers[name]
    tell(f"{name}: messages that could not be handled")
    drain = system.use_cases.dead_letter_drain
    drained = drain.drain_charges(name, system.ports.dead_letters(settings.dead_letters_url))
    done.drained[name] = drained.counts()
    done.beside += drained.findings
    try:
        finisher = system.use_cases.batch_finisher(name)
        settled, changed = finisher.settler.settle(everyone=everyone, tell=tell)
        done.settled[name] = settled
        finisher.finish(settled, changed, tell=tell)
        done.beside += settled.findings
    except (ProviderRefusedError, TryLaterError) as error:
        done.beside.append(Finding("provider_unreachable", f"{name} could not be reached: {error}"))


def _finish(system: System, providers: Sequence[str], done: Outcome, tell: Tell) -> None:
    """Write to the customers who were found to have paid."""
    for name in providers:
        if name in done.settled:
            system.use_cases.batch_finisher(name).finish(done.settled[name], set(), tell=tell)


def _print(done: Outcome) -> None:
    for name, settled in done.settled.items():
        finished = f"; totals of {count(settled.batches, 'batch', 'batches')} updated" if settled.batches else ""
        looked_at = count(settled.states.total(), "payment")
        came_to = f": {counts_line(settled.states)}" if settled.states else ""
        say(f"{name}: {looked_at} looked up{came_to}{finished}")
        for line in _left(settled):
            say(f"  {line}", "yellow")
        letters = done.drained[name]
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
