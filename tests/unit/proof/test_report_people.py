"""A report names its customers and has the month before beside it, for as little as a close of any size can afford."""

from collections.abc import Iterable, Mapping

import pytest

from monthclose.domain.accounts.customer import Profile
from monthclose.use_cases.proof.report_close import report_key
from tests.world import OCTOBER, World

SEPTEMBER = OCTOBER.previous


@pytest.fixture
def world() -> World:
    world = World()
    for name, method in (("acme", "ok"), ("deb", "declined"), ("nils", "")):
        world.use(world.add_customer(name, method=method), "12.00")
        world.use(name, "10.00", period=SEPTEMBER)
    return world


def test_customers_behind_the_counts_have_their_names_in_the_report(world: World) -> None:
    report = world.close()
    (declined,) = report["names"]["declined"]["customers"]
    assert (declined["customer_id"], declined["name"]) == ("deb", "deb Ltd")
    page = world.documents.get(report_key(OCTOBER, "html")).decode()
    assert "deb Ltd <small>deb</small>" in page


def test_a_loose_end_has_its_customers_name_too(world: World) -> None:
    world.use(world.add_customer("waits", method="debit"), "5.00", period=SEPTEMBER)
    world.use("waits", "6.00")
    world.close(SEPTEMBER)
    report = world.close()
    assert [end["name"] for end in report["waiting"]["customers"]] == ["waits Ltd"]


def test_the_names_of_all_kinds_are_looked_up_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, known = list[set[str]](), world.directory.known

    def counted(ids: Iterable[str]) -> Mapping[str, Profile]:
        asked.append(set(ids))
        return known(asked[-1])

    monkeypatch.setattr(world.directory, "known", counted)
    world.close()
    assert asked == [{"deb", "nils"}]


def test_the_month_before_is_in_the_report_as_its_own_report_has_it(world: World) -> None:
    before = world.close(SEPTEMBER)
    assert "last_month" not in before
    report = world.close()
    assert report["last_month"]["period"] == "2026-09"
    assert report["last_month"]["money"] == before["money"]
    assert "Against last month" in world.documents.get(report_key(OCTOBER, "html")).decode()


@pytest.mark.parametrize("damaged", [b"{", b"[]", b'{"period": "2026-09"}'])
def test_a_report_of_the_month_before_that_cannot_be_read_is_left_out(world: World, damaged: bytes) -> None:
    world.documents.put(report_key(SEPTEMBER, "json"), damaged)
    assert "last_month" not in world.close()
