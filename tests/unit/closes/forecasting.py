"""A running close made of batches that were charged at given seconds, as its forecast sees it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.domain.closes.forecast import Forecast, Forecaster
from monthclose.domain.closes.pace import Lane
from monthclose.domain.closes.standing import standing_of
from monthclose.domain.closes.timetable import Load
from monthclose.domain.payments.throttle import HEADROOM, Limit
from monthclose.domain.period import Period

OCTOBER = Period(2026, 10)
BEGAN = OCTOBER.end


def at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def second(time: datetime | None) -> float:
    assert time
    return (time - BEGAN).total_seconds()


def close(customers: int, **more: object) -> Close:
    """A close in its first round, all of one provider's unless `planned_for` says otherwise."""
    kept = {"round": 1, "customers": customers, "planned_for": {"stripe": customers}, **more}
    return Close(OCTOBER, CloseStatus.RUNNING, "execution", 1, BEGAN, BEGAN, **kept)  # type: ignore[arg-type]


def lane(rate: float, provider: str = "stripe", **more: float) -> Lane:
    """A provider that allows so many charges a second, and has the workers for them."""
    return Lane(Load(provider, 0, Limit(rate / HEADROOM), workers=1_000), **more)  # type: ignore[arg-type]


def charged(number: int, second: float, size: int = 1, provider: str = "stripe", minor: int = 100) -> BatchProgress:
    """A batch that is through with everything."""
    totals = Totals(
        customers={"invoiced": size},
        payments={"paid": size},
        money={"EUR": {"invoiced": minor, "collected": minor}},
    )
    batch = Batch(number, provider, ("",) * size)
    return BatchProgress(OCTOBER, batch, Stage.CLOSED, 1, totals, 0, at(second), charged_at=at(second))


def queued(number: int, size: int = 1, provider: str = "stripe", minor: int = 100) -> BatchProgress:
    """A batch with invoices that waits for its charges."""
    totals = Totals(customers={"invoiced": size}, payments={"ready": size}, money={"EUR": {"invoiced": minor}})
    return BatchProgress(OCTOBER, Batch(number, provider, ("",) * size), Stage.GENERATED, 1, totals, size, at(1))


def forecast(
    of: Close, batches: Iterable[BatchProgress], lanes: Mapping[str, Lane], now: float, **more: object
) -> Forecast:
    """Forecast at a second."""
    return Forecaster(of, standing_of(of, batches), lanes, **more).at(at(now))  # type: ignore[arg-type]


def halfway(customers: int, per_second: float, share: float = 0.5) -> tuple[list[BatchProgress], float]:
    """Charge a share of the customers one after the other from second 10 on; the rest waits. And the second it is."""
    made = round(customers * share)
    batches = [charged(n, 10 + n / per_second) for n in range(made)]
    return [*batches, *(queued(n) for n in range(made, customers))], 10 + made / per_second
