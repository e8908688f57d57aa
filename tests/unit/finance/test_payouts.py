"""The payouts of a month, beside its cash: what could not be read is named, and fails nothing."""

import json
from dataclasses import dataclass, field
from datetime import date

from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.payouts import PAYOUTS, Payout, PayoutParts
from monthclose.domain.pack.pack import FIGURES
from monthclose.errors import ProviderDownError
from monthclose.ports.payouts import PartsPage, PayoutPage
from tests.unit.finance.reading import bill, figures
from tests.world import OCTOBER, World

DAY = date(2026, 10, 6)


@dataclass
class FakePayouts:
    """Payouts in memory, each page with one of them; each payout's parts are two pages."""

    provider: str
    payouts_made: list[Payout] = field(default_factory=list)
    down: bool = False

    def payouts(self, since: date, until: date, after: str = "") -> PayoutPage:
        if self.down:
            raise ProviderDownError("down")
        place = int(after or 0)
        found = [one for one in self.payouts_made if since <= one.arrives_on < until]
        return PayoutPage(found[place : place + 1], str(place + 1) if place + 1 < len(found) else "")

    def parts(self, payout: Payout, after: str = "") -> PartsPage:
        half = (payout.minor + 30) // 2
        return PartsPage(PayoutParts(half, 0, 15 if payout.fee_minor is None else 0), "" if after else "second")


def a_world(*records: FakePayouts) -> World:
    world = World()
    world.payouts = {record.provider: (lambda of=record: of) for record in records}  # type: ignore[misc]
    return world


def payout(minor: int, *, came_back: bool = False, day: date = DAY, fee: int | None = None) -> Payout:
    return Payout("stripe", f"po_{minor}", "USD", minor, day, came_back, fee)


def test_payouts_are_summed_up_by_provider_and_day_of_arrival() -> None:
    made = [payout(970), payout(1970), payout(500, came_back=True), payout(10, day=date(2026, 11, 1))]
    world = a_world(FakePayouts("stripe", made))
    read = world.use_cases.payout_reader.read(OCTOBER)
    assert [tuple(row) for row in read.figures.rows(PAYOUTS)] == [
        ("stripe", "USD", "2026-10-06", 2940, 3000, 0, 60, 0, 2)
    ]
    assert read.missing == ()


def test_a_provider_that_cannot_be_asked_is_named_and_the_others_are_read() -> None:
    world = a_world(FakePayouts("gocardless", down=True), FakePayouts("stripe", [payout(970, fee=30)]))
    read = world.use_cases.payout_reader.read(OCTOBER)
    assert read.missing == ("gocardless",)
    assert [row.fee_minor for row in read.figures.rows(PAYOUTS)] == [30]


def test_when_the_time_is_up_a_providers_payouts_are_left_out_whole() -> None:
    world, left = a_world(FakePayouts("stripe", [payout(970), payout(1970)])), iter([False, False, True])
    read = world.use_cases.payout_reader.read(OCTOBER, lambda: next(left))
    assert read.missing == ("stripe",)
    assert read.figures.rows(PAYOUTS) == []


def test_payouts_are_a_part_of_the_months_figures() -> None:
    world = a_world(FakePayouts("stripe", [payout(970)]))
    bill(world, "acme", "")
    world.close()
    both = figures(world) + world.use_cases.payout_reader.read(OCTOBER).figures
    assert len(both.rows(PAYOUTS)) == 1
    assert both.names == figures(world).names


def test_a_report_pack_has_the_payouts_and_says_whose_are_missing() -> None:
    world = a_world(FakePayouts("gocardless", down=True), FakePayouts("stripe", [payout(970)]))
    bill(world, "acme", "")
    world.close()
    pack = world.pack()
    found = Figures.from_content(json.loads(world.documents.get(pack.key_of(FIGURES))))
    assert [row.paid_minor for row in found.rows(PAYOUTS)] == [970]
    assert "the payouts of gocardless could not be read" in pack.remarks
