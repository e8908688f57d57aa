"""Importers of the same usage at once, who die and begin again: nothing is lost, and nothing counts twice.

Compared with a store of one item for each event and an import at a time, as it was before usage was in packs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monthclose.adapters.dynamo.models import UsagePackItem
from monthclose.adapters.dynamo.usage.earlier_items import UsageItems
from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
from monthclose.bootstrap import Runtime
from monthclose.domain.imports.acceptance import UsageAcceptance, ids_of, successors_of
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.ports import UsageStore
from tests.contract.test_usage_store import MONTH, NOON, event
from tests.deaths import Deaths
from tests.fakes.rating import FakeUsageStore
from tests.unit.dying import DiedError

MONTHS = (MONTH, MONTH._replace(customer_id="other"))


@dataclass
class Importer:
    """Imports the rows of a file in chunks, as an import does; a step is one call of the store.

    Parameters
    ----------
    usage : UsageStore
        Of its own process.
    """

    usage: UsageStore
    rows: Sequence[UsageEvent]
    chunk: int
    rejected: list[str] = field(default_factory=list)

    def steps(self) -> Iterator[None]:
        """Import, a step at a time."""
        for first in range(0, len(self.rows), self.chunk):
            left, surely = list(self.rows[first : first + self.chunk]), False
            while left:
                found = dict[UsageMonth, StoredUsage]()
                yield from self._look_up(left, found, surely=surely)
                changes, rejected = self._decide(left, found)
                if rejected and not surely:
                    surely = True  # what ends without a write must have seen everything
                    continue
                lost = self.usage.store(changes)
                yield
                self.rejected += [each.event_id for each in rejected if each.key.month not in lost]
                left, surely = [each for each in left if each.key.month in lost], True

    def _look_up(
        self, rows: Sequence[UsageEvent], found: dict[UsageMonth, StoredUsage], *, surely: bool
    ) -> Iterator[None]:
        """Look up the rows, what they replace, and what has replaced that, all as of one version of each month."""
        wanted = {month: ids_of(some) for month, some in by_month(rows).items()}
        while True:
            found |= self.usage.look_up(wanted, consistent=surely)
            yield
            more = {month: successors_of(found[month].events) - ids for month, ids in wanted.items()}
            if not any(more.values()):
                return
            wanted = {month: ids | more[month] for month, ids in wanted.items()}

    def _decide(
        self, rows: Sequence[UsageEvent], found: dict[UsageMonth, StoredUsage]
    ) -> tuple[list[UsageChange], list[UsageEvent]]:
        changes, rejected = list[UsageChange](), list[UsageEvent]()
        for month, some in by_month(rows).items():
            acceptance = UsageAcceptance(found[month].events, NOON)
            rejected += [each for each in some if acceptance.accept(each)]
            changes.append(UsageChange(month, found[month].version, acceptance.added, acceptance.replaced))
        return changes, rejected


def by_month(rows: Iterable[UsageEvent]) -> dict[UsageMonth, list[UsageEvent]]:
    found = dict[UsageMonth, list[UsageEvent]]()
    for row in rows:
        found.setdefault(row.key.month, []).append(row)
    return found


type Said = tuple[str, int, int, int]
"""A row of a file, or some: what it is, a number, whose, and which of several alternatives."""
_ROWS = st.tuples(
    st.sampled_from(["event", "event", "correction"]),
    st.integers(0, 12),
    st.integers(0, 1),
    st.sampled_from([0, 0, 0, 1]),
)
_MANY = st.tuples(st.just("many"), st.integers(0, 3), st.integers(0, 1), st.just(0))
_FILES = st.tuples(st.lists(_ROWS, min_size=1, max_size=12), st.lists(_MANY, max_size=2), st.lists(_ROWS, max_size=8))


def rows_of(said: Iterable[Said]) -> list[UsageEvent]:
    """Make a file's rows: few ids that come again, some with other content, corrections of them, and many others."""
    return [row for each in said for row in _rows(*each)]


def _rows(what: str, number: int, whose: int, which: int) -> list[UsageEvent]:
    customer = MONTHS[whose].customer_id
    if what == "event":
        return [event(number, customer, quantity=Decimal(1 + which), received_at=None)]
    if what == "correction":
        return [event(100 + 20 * which + number, customer, replaces=f"e{number:05}", received_at=None)]
    return [event(each, customer, received_at=None) for each in range(500 + 40 * number, 560 + 40 * number)]


def check(usage: UsageStore, given_files: Sequence[Sequence[UsageEvent]]) -> None:
    """What is stored: each event once, what was not rejected, and of each at most one correction."""
    for month in MONTHS:
        stored = list(usage.events(*month))
        ids = [each.event_id for each in stored]
        assert len(ids) == len(set(ids))
        by_id = {each.event_id: each for each in stored}
        for each in stored:
            if each.replaced_by:
                assert by_id[each.replaced_by].replaces == each.event_id
            if each.replaces:
                assert by_id[each.replaces].replaced_by == each.event_id
        asked = {row.event_id for rows in given_files for row in rows if row.key.month == month}
        assert set(ids) <= asked
        assert {name for name in asked if name.startswith("e000") and int(name[1:]) < 100} <= set(ids)


def alone(given_files: Sequence[Sequence[UsageEvent]]) -> list[UsageEvent]:
    """Import one file after the other into a store in memory."""
    usage = FakeUsageStore()
    for rows in given_files:
        for _ in Importer(usage, rows, 5).steps():
            pass
    return everything(usage)


def everything(usage: UsageStore) -> list[UsageEvent]:
    return sorted(
        (each for month in MONTHS for each in usage.events(*month)), key=lambda each: (each.customer_id, each.event_id)
    )


@settings(max_examples=10, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(_FILES, min_size=2, max_size=2),
    chunks=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    turns=st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 5), st.booleans()), max_size=60),
)
def test_importers_who_take_turns_and_die_leave_what_one_after_the_other_would_have_left(
    aws: Runtime,
    said: list[tuple[list[Said], ...]],
    chunks: tuple[int, int],
    turns: list[tuple[int, int, bool]],
) -> None:
    given_files = [rows_of(chain.from_iterable(parts)) for parts in said]
    for item in UsagePackItem.scan():
        item.delete()

    def begun(which: int) -> Iterator[None]:
        usage = DynamoUsageStore(aws._connection, aws._batches, [UsageItems(aws._batches)])
        return Importer(usage, given_files[which], chunks[which]).steps()

    running = [begun(0), begun(1)]
    for which, dies_at, after in turns:
        try:
            with Deaths(dies_at if dies_at < 3 else -1, after).of(aws._connection.client):
                next(running[which], None)
        except DiedError:
            running[which] = begun(which)
    for steps in running:
        for count, _ in enumerate(steps):
            assert count < 2_000, "it comes to no end"
    usage = DynamoUsageStore(aws._connection, aws._batches, [UsageItems(aws._batches)])
    check(usage, given_files)
    orders = [alone(given_files), alone(given_files[::-1])]
    if orders[0] == orders[1]:  # the files don't depend on each other: every order leaves the same
        assert everything(usage) == orders[0]
