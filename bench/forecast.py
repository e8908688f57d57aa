"""How good a close's forecasts are: at its start and at each tenth of the charges, against what happened.

`python -m bench.forecast --customers 2000 100000` simulates closes and forecasts each as `monthclose status` does;
`--sandbox 2000` closes in real time against the fake Stripe, whose limit is enforced, with AWS in memory; `--close
2026-10` reads a close that has ended, from the deployment that `monthclose` would use.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bench.scale.batches import SimBatch
from bench.scale.close import Run, simulate
from bench.scale.scenario import AFTER, Quotas, Scenario
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.domain.closes.forecast import TENTHS, Forecast, Forecaster
from monthclose.domain.closes.pace import Lane
from monthclose.domain.closes.pacing import generated_per_second
from monthclose.domain.closes.standing import Standing, marks, standing_of
from monthclose.domain.closes.timetable import Load, Work, timetable
from monthclose.domain.payments.throttle import Limit
from monthclose.domain.period import Period

SIZES = (2_000, 10_000, 100_000, 1_000_000)
_PERIOD = Period(2026, 10)
_STRIPE = "stripe"


class Row(NamedTuple):
    """A forecast, and what happened: seconds since the start."""

    when: str
    second: float
    charged: float
    really_charged: float
    ends: float
    really_ends: float

    @property
    def off_charged(self) -> float:
        """How wrong the end of the charging was, as a share of the time until then."""
        return (self.charged - self.really_charged) / self.really_charged

    @property
    def off_ends(self) -> float:
        """How wrong the end of the close was, as a share of what it took."""
        return (self.ends - self.really_ends) / self.really_ends


class Watched:
    """A simulated close, as it can be seen at any moment."""

    def __init__(self, run: Run) -> None:
        self.run, scenario = run, run.scenario
        self.began = _PERIOD.end
        load = Load(_STRIPE, scenario.customers, scenario.provider.limit, workers=scenario.provider.maximum_concurrency)
        self.lane = Lane(load)
        self.mail = Limit(scenario.quotas.mails_per_second)
        warm = scenario.customers if scenario.fixes.warm_tables else 0
        self.generated_per_second = generated_per_second(warm)
        self.close = Close(
            *(_PERIOD, CloseStatus.RUNNING, "", 1, self.began, self.began),
            round=1,
            customers=scenario.customers,
            batches=len(run.batches),
            planned_for={_STRIPE: scenario.customers},
        )

    def planned(self) -> Row:
        """Forecast before the start."""
        scenario = self.run.scenario
        work = Work(
            scenario.customers,
            len(self.run.batches),
            [self.lane.load],
            self.generated_per_second,
            scenario.customers,
            self.mail,
        )
        table = timetable(work)
        return self._row("before", 0.0, table.all_charged, table.ends)

    def at(self, second: float) -> Forecast:
        """Forecast from the batches as they are at a moment."""
        return self.forecaster(second).at(self._time(second))

    def forecaster(self, second: float) -> Forecaster:
        """See the batches as they are at a moment."""
        standing = standing_of(self.close, self._batches(second))
        return Forecaster(self.close, standing, {_STRIPE: self.lane}, self.mail, self.generated_per_second)

    def rows(self) -> list[Row]:
        """Forecast before the start, at the start, and at each tenth."""
        ended: Standing = standing_of(self.close, self._batches(float("inf")))
        tenths = marks(ended.providers[_STRIPE].steps, self.run.scenario.customers, TENTHS)
        seconds = [("start", 1.0), *((f"{share:.0%}", self._second(time)) for share, time in tenths)]
        return [self.planned(), *(self._said(when, second) for when, second in seconds)]

    def _said(self, when: str, second: float) -> Row:
        found = self.at(second)
        assert found.charged_at
        assert found.ends_at
        return self._row(when, second, self._second(found.charged_at), self._second(found.ends_at))

    def _row(self, when: str, second: float, charged: float, ends: float) -> Row:
        return Row(when, second, charged, self.run.stages.last_charge, ends, self.run.stages.ended)

    def _batches(self, second: float) -> Iterable[BatchProgress]:
        invoiced = self.run.stages.invoiced or 1.0
        begun = min(second / invoiced, 1.0) * len(self.run.batches)
        for batch in self.run.batches:
            if batch.number < begun or batch.charged_at <= second:
                yield self._progress(batch, second)

    def _progress(self, batch: SimBatch, second: float) -> BatchProgress:
        charged = 0 < batch.charged_at <= second
        told = sum(number for time, number in batch.told_at if time <= second)
        return BatchProgress(
            _PERIOD,
            Batch(batch.number, _STRIPE, batch.planned.customer_ids),
            Stage.CLOSED if charged else Stage.GENERATED,
            1,
            Totals(
                customers={"invoiced": batch.size},
                payments={"paid" if charged else "ready": batch.size},
                untold=batch.size - told if charged else 0,
            ),
            0 if charged else batch.size,
            self._time(batch.charged_at if charged else min(second, 1e9)),
            charged_at=self._time(batch.charged_at) if charged else None,
        )

    def _time(self, second: float) -> datetime:
        return self.began + timedelta(seconds=second)

    def _second(self, time: datetime) -> float:
        return (time - self.began).total_seconds()


def watched(customers: int, seed: int = 1, *, asked: bool = True) -> Watched:
    """Simulate a close with the quotas that docs/scale.md says to ask for, or a new account's, whose mail is slow."""
    quotas = Quotas.documented()
    quotas = quotas.asked_for(customers) if asked else quotas
    return Watched(simulate(Scenario(customers, AFTER, quotas, seed)))


def of_a_close(period: Period) -> tuple[str, list[Row]]:
    """Read a close that has ended, from the deployment that the command would use: its forecasts as they were."""
    from cli.connect import Connector  # noqa: PLC0415 - brings AWS's SDK

    system = Connector(None, None)()
    close = system.ports.closes.get(period)
    if close is None or close.completed_at is None:
        raise SystemExit(f"{period} has not been closed to its end")
    follower = system.use_cases.close_follower
    standing = follower.standing(close)
    lanes = follower.lanes(standing)
    found = follower.forecast(close, standing, lanes)
    if found is None:
        raise SystemExit(f"the batches of {period} do not say when they were charged: they are of an earlier release")

    def second(time: datetime) -> float:
        return (time - close.run_started_at).total_seconds()

    planned = follower.forecast(replace(close, completed_at=close.run_started_at), standing_of(close, ()), lanes)
    charged = max(step.time for provider in standing.providers.values() for step in provider.steps)
    really = second(charged), second(close.completed_at)
    said = [("start", close.run_started_at, planned)] if planned else []
    rows = [
        Row(when, second(time), second(said.charged_at), really[0], second(said.ends_at), really[1])
        for when, time, said in said
        if said.charged_at and said.ends_at
    ]
    rows += [
        Row(f"{m.share:.0%}", second(m.time), second(m.charged_at), really[0], second(m.ends_at), really[1])
        for m in found.marks
    ]
    return f"{period}: {close.customers:,} customers in {close.batches:,} batches", rows


def against_the_sandbox(customers: int) -> tuple[str, list[Row]]:
    """Close in real time against the fake Stripe, and hold what was forecast on the way against what happened."""
    from bench.real_close import RATE, RealClose, sandbox_with_limit  # noqa: PLC0415 - the tests' world

    with sandbox_with_limit() as sandbox:
        real = RealClose(customers, sandbox)
        close = real.run()
    standing = real.world.use_cases.close_follower.standing(close)

    def second(time: datetime | None) -> float:
        assert time
        return (time - close.run_started_at).total_seconds()

    ended = second(max(step.time for step in standing.providers[_STRIPE].steps)), second(close.completed_at)
    rows = [
        Row(when, said, second(found.charged_at), ended[0], second(found.ends_at), ended[1])
        for when, said, found in real.said
    ]
    return f"{customers:,} customers at {RATE}/s against the sandbox", rows


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table("charged", "after", "all charged after", "off", "close ended after", "off", title=title)
    for row in rows:
        table.add_row(
            row.when,
            f"{row.second:,.0f} s",
            f"{row.charged:,.0f} s, really {row.really_charged:,.0f} s",
            f"{row.off_charged:+.1%}",
            f"{row.ends:,.0f} s, really {row.really_ends:,.0f} s",
            f"{row.off_ends:+.1%}",
        )
    Console(width=110).print(table)


def main() -> None:
    """Simulate closes and print how good their forecasts were."""
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__)
    parser.add_argument("--customers", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--quotas", choices=("default", "asked"), default="asked", help="a new account's, or docs/scale.md's"
    )
    parser.add_argument("--close", metavar="PERIOD", help="a close that has ended, instead of simulated ones")
    parser.add_argument("--sandbox", type=int, metavar="CUSTOMERS", help="close so many in real time instead")
    options = parser.parse_args()
    if options.sandbox:
        show(*against_the_sandbox(options.sandbox))
        return
    if options.close:
        show(*of_a_close(Period.parse(options.close)))
        return
    for customers in options.customers:
        close = watched(customers, options.seed, asked=options.quotas == "asked")
        rates = f"{close.lane.load.limit.rate_per_second:g} charges/s, {close.mail.rate_per_second:g} e-mails/s"
        show(f"{customers:,} customers at {rates}, simulated", close.rows())


if __name__ == "__main__":
    main()
