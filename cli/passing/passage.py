"""Lets time pass, from one thing that is due to the next: in their order, each at its time, each awaited."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cli.passing.happenings import Happened, happened
from cli.passing.schedules import Often, Rule, scheduled_event
from cli.system import System, cause_for_people
from cli.view import counts_line, money_line
from monthclose.domain.closes.close import Totals
from monthclose.domain.payments.payment import IN_FLIGHT, PaymentKey
from monthclose.domain.words import count
from monthclose.ports import Execution
from monthclose.use_cases.closes.snapshot import read_batches
from sandbox.clock import ClockFile

_DECIDED = ("dispute", "inquiry")
"""What providers decide that may change nothing in the records: the money had gone back, or had not."""
MACHINES = {
    "Collections": "collections",
    "Reconcile": "reconciler",
    "Deadline": "watch at the deadline",
    "ArchiveUsage": "archive of old usage",
}
"""What people call the state machines, by a part of their names (the constructs of stacks/workflow_stack.py)."""


class Bank(Protocol):
    """The time of the fake providers."""

    def next_due(self) -> datetime | None:
        """Tell when something happens next."""

    def pass_time(self) -> list[tuple[str, PaymentKey]]:
        """Let happen what is due by the clock; returns what happened, and to which payment."""


class Stacks(Protocol):
    """What runs on the local AWS."""

    def run(self, rule: Rule, moment: datetime, event: Mapping[str, object]) -> Execution:
        """Start what a rule starts, and wait for its end."""

    def wait_until_still(self) -> None:
        """Wait until nothing is under way."""

    def take_over(self, rules: Iterable[Rule]) -> None:
        """Keep rules from firing by the machine's clock as well."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was due, and what came of it.

    Attributes
    ----------
    what : str
        `close`, `collections`, `reconciliation`, `archive`, `providers`, or `other`.
    lines : tuple of str
        What people want to know of it; none if nothing happened.
    facts : mapping
        The same for programs.
    failed : bool
    """

    time: datetime
    what: str
    lines: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Write it for programs."""
        return {"time": self.time.isoformat(), "what": self.what, "failed": self.failed, **self.facts}


@dataclass
class Passage:
    """Lets time pass on a local AWS.

    Starts that the rules would have made are made at their times. Of those that come every few minutes (the
    reconciler's), one a day is made, after the day's other work, and only if money has moved since the last one or a
    payment is to be looked up by then: the others would find nothing.

    Attributes
    ----------
    clock : ClockFile
        What the whole system follows, and up to when everything that was due is done: after an interruption, the step
        that was under way comes again, which is always safe.
    """

    system: System
    clock: ClockFile
    bank: Bank
    stacks: Stacks
    rules: Sequence[Rule]
    busy: bool = True
    """Whether money has moved that the reconciler has not seen."""

    @property
    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self.clock(), UTC)

    @property
    def done_until(self) -> datetime:
        """Up to when everything that was due has been done."""
        done = self.clock.read().done_until
        return datetime.fromtimestamp(done, UTC) if done else self.now

    def steps(self, until: datetime) -> Iterator[Step]:
        """Let time pass to a moment, what is due then included."""
        self.clock.done(self.done_until.timestamp())
        self.stacks.take_over(self.rules)
        self.stacks.wait_until_still()
        while due := self.next_due(until):
            moment = min(moment for moment, _ in due)
            self.clock.move(moment.timestamp())
            steps = [self._step(moment, rule) for at, rule in due if at == moment]
            self.clock.done(moment.timestamp())
            yield from steps
        self.clock.move(until.timestamp())
        self.clock.done(until.timestamp())

    def compare_all(self) -> Iterator[Step]:
        """Have the reconciler compare all recent periods now, whenever it did last."""
        self.stacks.wait_until_still()
        for rule in self.rules:
            if isinstance(rule.schedule, Often):
                yield self._run(self.now, rule, {"compare": True})

    def next_due(self, until: datetime) -> list[tuple[datetime, Rule | None]]:
        """List what is due up to a moment, for each rule and the bank (None) the next time; the bank comes first."""
        bank = self.bank.next_due()
        found: list[tuple[datetime, Rule | None]] = [(max(bank, self.done_until), None)] if bank else []
        starts = ((self._next_start(rule, until), rule) for rule in self.rules)
        found += [(moment, rule) for moment, rule in starts if moment]
        return [(moment, rule) for moment, rule in found if moment <= until]

    def name_of(self, rule: Rule | None) -> str:
        """Say in words what a rule starts; None is the banks and the providers."""
        if rule is None:
            return "banks and providers"
        if rule.machine == self.system.state_machine:
            return "close"
        return next((what for part, what in MACHINES.items() if part in rule.machine), rule.name)

    def _next_start(self, rule: Rule, until: datetime) -> datetime | None:
        if not isinstance(rule.schedule, Often):
            return rule.schedule.after(self.done_until)
        if self.busy:
            return rule.schedule.once_a_day_after(self.done_until)
        checks = [customer.check_at for name in self._being_charged(until) if (customer := self._customer(name))]
        first = min((check for check in checks if check), default=None)
        return rule.schedule.once_a_day_after(max(first - timedelta.resolution, self.done_until)) if first else None

    def _being_charged(self, until: datetime) -> Iterable[str]:
        return self.system.ports.directory.being_charged(until)

    def _customer(self, name: str) -> Any:
        return self.system.ports.books.customer(name)

    def _step(self, moment: datetime, rule: Rule | None) -> Step:
        if rule is None:
            return self._at_the_bank(moment)
        return self._run(moment, rule, scheduled_event(moment))

    def _at_the_bank(self, moment: datetime) -> Step:
        since, found = self.system.ports.clock(), self.bank.pass_time()
        came = self.came_of({key.customer_id for _, key in found}, since)
        decided = Counter(what for what, _ in found if what.startswith(_DECIDED))
        words = [f"{number:,} {what}" for what, number in sorted(decided.items())]
        return Step(moment, "providers", _line([*words, *came.words()]), {**came.to_json(), "decided": dict(decided)})

    def came_of(self, customers: Iterable[str], since: datetime) -> Happened:
        """Wait until everything that follows of something has been done, and add it up."""
        self.stacks.wait_until_still()
        came = happened(self.system.ports.books, customers, since)
        self.busy = self.busy or came.money_moved
        return came

    def _run(self, moment: datetime, rule: Rule, event: Mapping[str, object]) -> Step:
        since = self.system.ports.clock()
        ended = self.stacks.run(rule, moment, event)
        self.stacks.wait_until_still()
        if ended.status != "SUCCEEDED":
            cause = cause_for_people(ended.cause) or ended.status.lower()
            return Step(moment, "other", (f"{rule.name} failed: {cause}",), {"rule": rule.name, "error": cause}, True)
        return self._told(moment, since, ended.output)

    def _told(self, moment: datetime, since: datetime, output: Any) -> Step:
        """Say what an execution has done; which kind it was shows in its output."""
        match output:
            case {"chosen": {"period": _}}:
                return _of_archive(moment, output.get("archived"))
            case {"period": str(period), "summary": dict(summary), "ties": ties}:
                lines = tuple(_of_close(period, summary, ties=bool(ties)))
                return Step(moment, "close", lines, {"period": period, "ties": ties, "summary": summary})
            case {"period": str(period), **rest}:  # it waits for something, or another one is running
                state = str(rest.get("status") or rest.get("outcome")).replace("_", " ")
                return Step(moment, "close", (f"close of {period}: {state}",), {"period": period, "state": state})
            case {"owing": {"key": key}}:
                return self._collected(moment, since, key)
            case {"periods": periods, "providers": providers}:
                self.busy = False
                return Step(moment, "reconciliation", tuple(_of_books(periods, providers)), {"periods": periods})
        return Step(moment, "other")

    def _collected(self, moment: datetime, since: datetime, key: str) -> Step:
        batches = read_batches(self.system.ports.documents, key)
        came: Happened = happened(
            self.system.ports.books, [name for batch in batches for name in batch.customer_ids], since
        )
        self.busy = self.busy or came.money_moved
        return Step(moment, "collections", _line(came.words()), came.to_json())


def _of_archive(moment: datetime, archived: Mapping[str, Any] | None) -> Step:
    """Say what was archived; nothing, if no month of usage was due."""
    if not archived:
        return Step(moment, "archive")
    events, customers = count(archived["events"], "event"), count(archived["customers"], "customer")
    line = f"archived the usage of {archived['period']}: {events} of {customers}"
    return Step(moment, "archive", (line,), archived)


def _line(words: Sequence[str]) -> tuple[str, ...]:
    return (", ".join(words),) if words else ()


def _of_close(period: str, summary: Mapping[str, Any], *, ties: bool) -> Iterator[str]:
    totals = Totals(money=summary["money"])
    yield f"closed {period}: {counts_line(summary['customers'], ('invoiced',))}; {counts_line(summary['payments'])}"
    yield f"  invoiced {money_line(totals, 'invoiced', 'nothing')}"
    yield f"  collected {money_line(totals, 'collected', 'nothing')}"
    yield "  the books tie" if ties else f"  the books do not tie: monthclose report {period}"
    if parked := summary["customers"].get("parked"):
        yield f"  {count(parked)} parked: monthclose list parked {period}"


def _of_books(periods: Sequence[Mapping[str, Any]], providers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    states = [each.get("settled", {}).get("states") or {} for each in providers]
    settled = sum(number for found in states for state, number in found.items() if state not in IN_FLIGHT)
    if settled:
        yield f"reconciled: {count(settled, 'payment')} settled by asking the provider"
    for period in periods:
        if period.get("findings"):
            yield f"reconciled: {count(period['findings'], 'finding')} in {period['period']}: monthclose reconcile"
