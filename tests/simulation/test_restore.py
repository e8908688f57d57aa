"""A restore from a backup: our records are set back to an earlier moment of a close, and the close is run again.

The provider continues from where it was, and forgets idempotency keys after a day. Nobody is charged twice, and in the
end the books tie with the provider's own record.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from monthclose.ports import Record
from tests.simulation.providers import TWINS
from tests.simulation.universe import CUSTOMER, KEY, SOON, TOTAL, Universe, WatchedBooks, story
from tests.world import OCTOBER

type Moment = dict[tuple[str, ...], Record]
GAPS = (timedelta(minutes=1), timedelta(days=4))
"""How long after the first close the second one runs: while the provider knows its keys, and after."""


class Remembering(WatchedBooks):
    """Books that remember how they were after each commit, as continuous backups do."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[Moment] = []

    def commit(self, *records: Record) -> tuple[Record, ...]:
        written = super().commit(*records)
        self.moments.append(dict(self.records))
        return written


def lived(provider: str, method: str, *, retried: bool) -> tuple[Universe, list[Moment]]:
    """A close, what comes by itself in the days after it, and perhaps a retry by the collections."""
    books = Remembering()
    universe = Universe(TWINS[provider], method, books=books)
    with universe.process():
        universe.charger.charge(KEY)
    universe.heal(SOON)
    if retried:
        with universe.process():
            universe.charger.charge(KEY, again=True)
        universe.heal(SOON)
    return universe, books.moments


def restore(universe: Universe, moment: Moment) -> None:
    """Set the books back, as `monthclose restore` does: it keeps the id under which the provider knows the customer."""
    before, books = universe.customer, universe.books
    books.set_back(moment)
    known = replace(universe.customer, registered_provider_customer_id=before.registered_provider_customer_id)
    books.records["customer", CUSTOMER] = known
    universe.use_cases.restore_mark.put("ada")


def close_again(universe: Universe, after: timedelta) -> None:
    """Run the close again some time later: the invoice is issued again if it was lost, the same one."""
    universe.clock.now += after
    universe.twin.settle()
    if universe.books.month(CUSTOMER, OCTOBER).invoice is None:
        universe.invoice(TOTAL)
    with universe.process():
        universe.charger.charge(KEY)
    universe.heal(SOON)


def lives() -> Iterator[tuple[str, str, bool]]:
    for provider, (method, retried) in product(TWINS, (("pays", False), ("refused", False), ("refused", True))):
        yield provider, method, retried


@pytest.mark.parametrize("gap", GAPS, ids=str)
@pytest.mark.parametrize(("provider", "method", "retried"), lives())
def test_a_close_that_runs_again_after_a_restore_charges_nobody_twice(
    provider: str, method: str, retried: bool, gap: timedelta
) -> None:
    _, moments = lived(provider, method, retried=retried)
    assert len(moments) > 3
    for number in range(len(moments)):
        universe, again = lived(provider, method, retried=retried)
        paid_before = universe.moved()
        restore(universe, again[number])
        close_again(universe, gap)
        told = f"set back to commit {number}\n{story(universe)}"
        assert universe.overcharged() == 0, told
        assert not universe.unsettled, told
        assert universe.findings() == [], told
        assert method != "pays" or universe.moved() == paid_before, told


def test_without_the_mark_of_a_restore_a_charge_would_be_repeated() -> None:
    _, moments = lived("stripe", "pays", retried=False)
    overcharged = []
    for number in range(len(moments)):
        universe, again = lived("stripe", "pays", retried=False)
        restore(universe, again[number])
        universe.use_cases.restore_mark.claims._claims.clear()  # type: ignore[attr-defined]
        close_again(universe, GAPS[-1])
        overcharged.append(universe.overcharged())
    assert any(overcharged), "the providers' twins forget their keys after a day"


def test_a_month_that_begins_after_the_restore_is_charged_as_ever() -> None:
    universe = Universe(TWINS["stripe"], "pays")
    universe.use_cases.restore_mark.put("ada")
    mark = universe.use_cases.restore_mark
    assert mark.covers(OCTOBER)
    assert not mark.covers(OCTOBER.next)
