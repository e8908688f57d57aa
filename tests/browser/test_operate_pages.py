"""What `--operate` lets a person do: with a reason, confirmed with the numbers that it touches, recorded, done once."""

import re
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import expect

from monthclose.domain.audit import Act
from monthclose.domain.money import Money
from tests.browser.visiting import TELEPHONE, WIDE, Served, Visitor
from tests.unit.cli.driving import FakeMachine
from tests.world import OCTOBER, World

type Visit = Callable[..., Visitor]


@pytest.fixture
def operate() -> bool:
    return True


@pytest.fixture
def acme(world: World) -> str:
    """One whose payment was declined: the policy has put them on hold. Another one has paid."""
    world.use(world.add_customer("acme", method="declined"), "120.00")
    world.use(world.add_customer("paid"), "5.00")
    world.close()
    return "acme"


@pytest.fixture
def running(world: World, machine: FakeMachine) -> None:
    world.use(world.add_customer("acme"), "5")
    world.open(execution="arn:execution")
    world.planner.plan(OCTOBER, 1)


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).click()
    visitor.page.wait_for_load_state()  # what reads the page at once would find a part of it


def last_act(world: World, *, what: str) -> Act:
    return next(act for act in reversed(world.audit.told) if act.what == what)


@pytest.mark.usefixtures("running")
def test_a_close_is_paused_from_its_page_and_resumed_and_both_are_recorded_with_who_and_why(
    visitor: Visitor, world: World
) -> None:
    visitor.open("/closes/2026-10")
    visitor.page.get_by_role("link", name="Pause charging").click()
    assert "Charges left" in visitor.text()
    visitor.page.get_by_label("Reason").fill("wrong fee?")
    press(visitor, "Pause charging")
    assert "✓ Charging in the close of 2026-10 is paused" in visitor.text()
    assert "Charging is paused by ada on 2026-11-01 00:00 UTC: wrong fee?" in visitor.text()
    act = last_act(world, what="close.paused")
    assert (act.by, act.why, act.period) == ("ada", "wrong fee?", OCTOBER)

    visitor.page.get_by_role("link", name="Resume charging").click()
    visitor.page.get_by_label("Reason").fill("the fee is right")
    press(visitor, "Resume charging")
    assert "is resumed: it continues within a minute" in visitor.text()
    assert last_act(world, what="close.resumed").why == "the fee is right"
    close = world.closes.get(OCTOBER)
    assert close
    assert close.paused is None


@pytest.mark.usefixtures("running")
def test_a_provider_is_paused_and_resumed(visitor: Visitor, world: World) -> None:
    visitor.open("/operate")
    visitor.page.get_by_role("link", name="Pause stripe").click()
    assert "Charges left of 2026-10" in visitor.text()
    visitor.page.get_by_label("Reason").fill("an incident")
    press(visitor, "Pause stripe")
    assert world.limits.state("stripe").paused
    visitor.open("/operate/resume-provider?provider=stripe")
    assert "paused by ada on 2026-11-01 00:00 UTC: an incident" in visitor.text()
    visitor.page.get_by_label("Reason").fill("it is over")
    press(visitor, "Resume stripe")
    assert world.limits.state("stripe").paused is None
    assert [act.what for act in world.audit.told][-2:] == ["provider.paused", "provider.resumed"]


def test_credit_is_granted_once_it_was_confirmed_with_the_balance_before_and_after(
    visitor: Visitor, world: World, acme: str
) -> None:
    visitor.open("/operate")
    visitor.page.get_by_role("textbox", name="Customer").fill(acme)
    press(visitor, "Grant credit")
    visitor.page.get_by_label("Amount").fill("20")
    visitor.page.get_by_label("Reason").fill("the outage of 12 October")
    press(visitor, "Continue")
    said = visitor.text()
    assert "acme is granted 20.00 USD of goodwill credit" in said
    assert "Balance now 120.00 USD owed" in said
    assert "Balance then 100.00 USD owed" in said
    assert "Reason the outage of 12 October" in said
    assert world.customer(acme).balance == Money(12_000, "USD"), "nothing is done before it is confirmed"
    press(visitor, "Grant 20.00 USD")
    assert "✓ acme: 20.00 USD of goodwill credit granted; 100.00 USD owed." in visitor.text()
    assert world.customer(acme).balance == Money(10_000, "USD")
    act = last_act(world, what="credit.granted")
    assert (act.by, act.why, act.customer_id) == ("ada", "the outage of 12 October", acme)


def test_what_was_confirmed_and_has_changed_meanwhile_is_shown_again_and_not_done(
    visitor: Visitor, world: World, acme: str
) -> None:
    visitor.open(f"/operate/credit?customer={acme}")
    visitor.page.get_by_label("Amount").fill("20")
    visitor.page.get_by_label("Reason").fill("the outage")
    press(visitor, "Continue")
    world.cashier.credit(acme, Money(500, "USD"), "somebody else was faster", by="bob")
    press(visitor, "Grant 20.00 USD")
    assert "This has changed since you were shown it. Nothing was done" in visitor.text()
    assert "Balance now 115.00 USD owed" in visitor.text()
    assert world.customer(acme).balance == Money(11_500, "USD")
    press(visitor, "Grant 20.00 USD")
    assert world.customer(acme).balance == Money(9_500, "USD")


def test_a_confirmation_that_is_sent_twice_is_done_once(visitor: Visitor, world: World, acme: str) -> None:
    """By the browser's back button: even if the balance is again what it was."""
    visitor.open(f"/operate/credit?customer={acme}")
    visitor.page.get_by_label("Amount").fill("20")
    visitor.page.get_by_label("Reason").fill("the outage")
    press(visitor, "Continue")
    fields = visitor.page.evaluate("Object.fromEntries(new FormData(document.forms[0]))")
    press(visitor, "Grant 20.00 USD")
    world.change(acme, receivable_minor=12_000)
    posted = visitor.page.request.post(
        f"{visitor.served.address}/operate/credit", form=fields, headers={"Origin": visitor.served.address}
    )
    assert "It was not done again." in posted.text()
    assert [act.what for act in world.audit.told].count("credit.granted") == 1


def test_a_customer_is_put_on_hold_and_released(visitor: Visitor, world: World, acme: str) -> None:
    visitor.open(f"/customers/{acme}")
    visitor.page.get_by_role("link", name="Put on hold").click()
    assert "Balance now 120.00 USD owed Hold on hold since 2026-11-01: " in visitor.text()
    visitor.page.get_by_label("Reason").fill("fraud?")
    press(visitor, "Put on hold")
    assert "✓ acme is on hold; 120.00 USD owed." in visitor.text()
    assert world.customer(acme).held_by == "ada"
    visitor.open(f"/operate/release?customer={acme}")
    visitor.page.get_by_label("Reason").fill("cleared")
    press(visitor, "Lift the hold")
    assert world.customer(acme).held_since is None
    assert [act.what for act in world.audit.told][-2:] == ["hold.placed", "hold.lifted"]


def test_the_drafts_of_a_close_are_approved_with_their_sums_and_findings(visitor: Visitor, world: World) -> None:
    world.use(world.add_customer("acme"), "120.00")
    world.rehearse()
    visitor.open("/operate/approve?period=2026-10")
    said = visitor.text()
    assert "Rehearsal 1 To be billed, USD 120.00 USD Customers 1" in said
    visitor.page.get_by_label("Reason").fill("as expected")
    visitor.page.get_by_role("button", name=re.compile("charge$")).click()
    assert "Rehearsal 1 of 2026-10 is approved." in visitor.text()
    rehearsal = world.rehearsals.get(OCTOBER)
    assert rehearsal
    assert rehearsal.approval
    assert (rehearsal.approval.by, rehearsal.approval.note) == ("ada", "as expected")
    assert last_act(world, what="close.approved").why == "as expected"


def test_a_rehearsal_that_took_the_place_of_the_one_shown_is_shown_before_it_is_approved(
    visitor: Visitor, world: World
) -> None:
    world.use(world.add_customer("acme"), "120.00")
    world.rehearse()
    visitor.open("/operate/approve?period=2026-10")
    world.use("acme", "9000.00")
    world.rehearse()
    visitor.page.get_by_label("Reason").fill("as expected")
    visitor.page.get_by_role("button", name=re.compile("charge$")).click()
    assert "Nothing was done: please check it again." in visitor.text()
    assert "9,120.00 USD" in visitor.text()
    rehearsal = world.rehearsals.get(OCTOBER)
    assert rehearsal
    assert rehearsal.approval is None


def test_parked_customers_are_closed_again_by_reason_and_nobody_else(
    visitor: Visitor, world: World, machine: FakeMachine
) -> None:
    for name in ("acme", "bolt"):
        world.use(world.add_customer(name), "5")
    world.directory.put_profiles([("bolt", replace(world.customer("bolt").profile, currency="XXX"))])
    world.close()
    visitor.open("/closes/2026-10")
    visitor.page.get_by_role("link", name="Close customers again").click()
    visitor.page.get_by_label("Reason", exact=True).fill("imported again")
    press(visitor, "Continue")
    assert "Customers 1 Who bolt" in visitor.text()
    press(visitor, "Close 1 customer again")
    assert "1 customer of 2026-10" in visitor.text()
    ((name, request),) = machine.closes
    assert name.startswith("retry-2026-10-")
    assert request["by"] == "ada"
    assert b"bolt" in world.documents.get(request["only"])
    assert last_act(world, what="customers.retried").why == "imported again"


def test_what_cannot_be_done_is_said_in_the_words_of_the_command(visitor: Visitor, acme: str) -> None:
    for path, said in (
        ("pause?period=2026-10", "2026-10 is not being closed: the close ended on 2026-11-01 00:00 UTC"),
        ("resume?period=2026-10", "the close of 2026-10 is not paused"),
        ("release?customer=paid", "customer paid is not on hold"),
        ("hold?customer=nobody", "there is no customer 'nobody'"),
        ("approve?period=2026-10", "2026-10 has not been rehearsed"),
        ("pause-provider?provider=paypal", "there is no provider 'paypal' in the settings"),
    ):
        assert visitor.open(f"/operate/{path}").status == 409
        assert said in visitor.text()


def test_a_mistake_in_a_form_keeps_what_was_typed(visitor: Visitor, acme: str) -> None:
    visitor.open(f"/operate/credit?customer={acme}")
    visitor.page.get_by_label("Amount").fill("12,50")
    visitor.page.get_by_label("Reason").fill("the outage")
    press(visitor, "Continue")
    expect(visitor.page.get_by_role("alert").first).to_contain_text("is not an amount")
    expect(visitor.page.get_by_label("Amount")).to_have_value("12,50")
    expect(visitor.page.get_by_label("Reason")).to_have_value("the outage")


def test_without_a_reason_nothing_is_done(visitor: Visitor, world: World, acme: str) -> None:
    visitor.open(f"/operate/hold?customer={acme}")
    visitor.page.evaluate("document.forms[0].noValidate = true")
    visitor.page.get_by_label("Reason").fill("  ")
    press(visitor, "Put on hold")
    assert "Please fill in: Reason" in visitor.text()
    assert world.customer(acme).held_by == ""


def test_a_form_without_the_key_of_this_dashboard_does_nothing(dashboard: Served, world: World, acme: str) -> None:
    with httpx.Client(base_url=dashboard.address, headers={"Origin": dashboard.address}) as inside:
        inside.get(dashboard.access.entrance)
        for key in ({}, {"form_key": "guessed"}):
            answer = inside.post("/operate/hold", data={"customer": acme, "reason": "x", "confirmed": "x"} | key)
            assert answer.status_code == 409
            assert "this form is from another start of the dashboard" in answer.text
    assert world.customer(acme).held_by == ""


def test_a_name_that_is_a_script_is_shown_and_not_run(visitor: Visitor, world: World) -> None:
    world.add_customer("<script>alert(1)</script>")
    visitor.open("/operate/hold?customer=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "Put <script>alert(1)</script> on hold" in visitor.text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_barriers_and_fit_into_the_window(visit: Visit, acme: str, scheme: str) -> None:
    for size in (WIDE, TELEPHONE):
        visitor = visit(size, scheme)
        for path in ("", "/hold?customer=acme", "/credit?customer=acme", "/retry?period=2026-10"):
            visitor.open(f"/operate{path}")
            assert visitor.barriers() == []
            assert not visitor.overflows()


def test_a_form_is_filled_in_and_confirmed_by_keyboard(visitor: Visitor, world: World, acme: str) -> None:
    visitor.open(f"/operate/hold?customer={acme}")
    visitor.page.get_by_label("Reason").focus()
    visitor.page.keyboard.type("fraud?")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("button", name="Put on hold")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("status")).to_contain_text("acme is on hold")
