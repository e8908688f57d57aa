"""`monthclose list` and `parked`: nobody is only counted."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import monthclose
from cli.commands.report import save_page
from monthclose.domain.closes.listing import counts, kinds
from monthclose.domain.closes.parked import HELP, what_helps
from monthclose.domain.month import NoticeState
from monthclose.domain.usage import UsageEvent
from monthclose.errors import MailRefusedError
from tests.unit.cli.driving import EXECUTION, Command
from tests.world import OCTOBER, World

SOURCES = Path(monthclose.__file__).parent
PAGE = SOURCES.parents[1] / "docs" / "operating.md"


@pytest.fixture(autouse=True)
def _customers(world: World) -> None:
    for name, method in (("acme", "ok"), ("broke", "declined"), ("asked", "authenticate"), ("none", "")):
        world.use(world.add_customer(name, method=method), "12.34")
    world.use(world.add_customer("debit", method="debit"), "50")
    world.use(world.add_customer("lost"), "1")
    world.add_customer("idle")
    world.usage.put([UsageEvent("e", world.add_customer("unpriced"), "mystery", 1, OCTOBER.start)])  # type: ignore[arg-type]


def names(found: Any) -> list[str]:
    return [customer["customer_id"] for customer in found["customers"]]


def test_every_count_of_the_status_has_its_customers_by_name_with_amounts_and_why(
    monthclose: Command, world: World
) -> None:
    monthclose("close", "2026-10")
    status = monthclose.json("status", "2026-10", "--json")
    counted = {
        **status["payments"],
        **status["notices"],
        **{name: number for name, number in status["customers"].items() if name != "snapshot"},
    }
    assert counted["declined"] == 1
    for what, number in counted.items():
        assert len(names(monthclose.json("list", what, "2026-10", "--json"))) == number, what
    [broke] = monthclose.json("list", "declined", "2026-10", "--json")["customers"]
    assert (broke["customer_id"], broke["currency"], broke["exponent"], broke["open_minor"]) == (
        "broke",
        "USD",
        2,
        1234,
    )
    assert broke["why"] == world.month("broke").payment.code  # type: ignore[union-attr]
    said = monthclose("list", "declined", "2026-10")
    assert "broke" in said.stdout
    assert "12.34 USD  open 12.34  declined: " in said.stdout
    assert "2026-10: 1 customer declined" in said.stderr
    assert names(monthclose.json("list", "waiting", "2026-10", "--json")) == ["debit"]
    assert names(monthclose.json("list", "held", "2026-10", "--json")) == ["broke"]


def test_those_who_are_held_untold_bounced_or_unfinished_are_listed(monthclose: Command, world: World) -> None:
    world.mailer.failures = [MailRefusedError("no such address")]
    monthclose("close", "2026-10")
    assert len(names(monthclose.json("list", "refused", "2026-10", "--json"))) == 1
    monthclose("hold", "acme", "--reason", "by hand")
    world.clock.pass_time(days=40)
    world.collect()
    held = [name for name in ("broke", "asked", "none") if world.customer(name).held_since]
    assert held
    for name in held:
        assert name in names(monthclose.json("list", "held", "2026-10", "--json"))
    assert "unpriced" in names(monthclose.json("list", "unfinished", "2026-10", "--json"))


def test_the_status_the_report_and_its_page_say_which_command_has_the_names(monthclose: Command, world: World) -> None:
    for number in range(60):
        world.use(world.add_customer(f"poor-{number}", method="declined"), "1")
    monthclose("close", "2026-10")
    kinds_named = "parked|declined|action_required|no_payment_method|held"
    assert f"monthclose list {kinds_named}" in monthclose("status", "2026-10").stderr
    assert f"monthclose list {kinds_named} 2026-10" in monthclose("report", "2026-10").stderr
    named = monthclose.json("report", "2026-10", "--json")["names"]["declined"]
    assert (len(named["customers"]), named["in_all"]) == (50, 61)
    assert named["customers"][0].keys() >= {"customer_id", "what", "invoice", "currency", "open_minor"}
    page = save_page(monthclose.system, OCTOBER).read_text()
    assert "declined: 61 customers" in page.lower()
    assert "and 11 more: <code>monthclose list declined 2026-10</code>" in page


def test_a_close_that_was_stopped_names_those_whom_it_has_not_begun_with(monthclose: Command, world: World) -> None:
    world.planner.plan(OCTOBER, world.open(execution=EXECUTION))
    monthclose("stop", "2026-10")
    assert len(names(monthclose.json("list", "not started", "2026-10", "--json"))) == 8


def test_what_cannot_be_listed_is_answered_with_what_can(monthclose: Command, world: World) -> None:
    world.close()
    said = monthclose("list", "rich", "2026-10", exit_code=2).stderr
    assert "'rich' is nothing to list; there are: parked, ready" in said
    assert "2026-09 has not been closed" in monthclose("list", "paid", "2026-09", exit_code=2).stderr


def test_only_the_batches_that_have_somebody_to_list_are_read(
    monthclose: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.close()
    read = list[str]()
    month = world.books.month

    def counted(customer_id: str, period: Any) -> Any:
        read.append(customer_id)
        return month(customer_id, period)

    monkeypatch.setattr(world.books, "month", counted)
    assert names(monthclose.json("list", "declined", "2026-10", "--json")) == ["broke"]
    assert read == ["broke"]


def test_the_parked_are_grouped_by_reason_each_with_what_helps(monthclose: Command, world: World) -> None:
    world.usage.put([UsageEvent("e", world.add_customer("other"), "mystery", 1, OCTOBER.start)])  # type: ignore[arg-type]
    monthclose("close", "2026-10")
    said = monthclose("parked", "2026-10")
    assert "no_price: 2 customers\n  what helps: import a price for the SKU" in said.stdout
    assert "unpriced" in said.stdout
    assert "monthclose retry --parked --period 2026-10" in said.stderr
    found = monthclose.json("parked", "2026-10", "--json")
    assert found["in_all"] == 2
    assert found["reasons"] == [{"reason": "no_price", "customers": 2, "help": what_helps("no_price")}]
    assert sorted(names(found)) == ["other", "unpriced"]
    assert "nobody is parked for the reason tax" in monthclose("parked", "2026-10", "--reason", "tax").stdout


def _reasons() -> Iterator[str]:
    sources = (path.read_text() for path in SOURCES.rglob("*.py"))
    for source in (source for source in sources if "ParkCustomerError(" in source):  # to read all of them takes seconds
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ParkCustomerError":
                if ast.unparse(node.args[0]) == "error.reason":  # it says of another error whom it is about
                    continue
                [*_, reason] = [each.value for each in node.args[:1] if isinstance(each, ast.Constant)]
                yield str(reason)


def test_every_reason_for_parking_in_the_code_has_what_helps_and_is_on_the_page() -> None:
    assert set(_reasons()) == HELP.keys()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text().partition("## Parked customers")[2], re.MULTILINE)
    on_the_page = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert on_the_page >= HELP.keys()


def test_every_kind_that_is_pointed_out_can_be_listed(world: World) -> None:
    world.close()
    totals = [progress.totals for progress in world.closes.all_progress(OCTOBER)]
    assert {name for total in totals for name in counts(total)} <= set(kinds())
    assert {str(state) for state in NoticeState} <= set(kinds())
