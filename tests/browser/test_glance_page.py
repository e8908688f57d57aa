"""A close at a glance: at its start, in its middle, at its end; and how the page updates itself."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from monthclose.domain.closes.close import Stop
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.provider_health import Health
from tests.browser import scenes
from tests.browser.visiting import TELEPHONE, WIDE, Visitor
from tests.unit.cli.driving import EXECUTION, FakeMachine
from tests.unit.closes.forecasting import at
from tests.world import OCTOBER, World

type Visit = Callable[..., Visitor]
PAGE = "/closes/2026-10"


@pytest.fixture
def world() -> World:
    return scenes.two_providers()


@pytest.fixture
def half_charged(world: World, machine: FakeMachine) -> None:
    scenes.half_charged(world, machine)


def test_before_anything_is_invoiced_it_says_what_is_expected(
    visitor: Visitor, world: World, machine: FakeMachine
) -> None:
    scenes.opened(world, machine)
    visitor.open(PAGE)
    said = visitor.text()
    assert "Close of 2026-10 ▶ Running" in said
    assert "400 customers, begun 2026-11-01 00:00 UTC, running for 5 s. Ends about 00:00 UTC, in 40 s" in said
    assert "Nothing is invoiced yet." in said
    assert "no charge tried yet, 300 left, until 00:00:18 UTC" in said


@pytest.mark.usefixtures("half_charged")
def test_in_the_middle_it_shows_money_stages_payments_and_declines(visitor: Visitor) -> None:
    visitor.open(PAGE)
    said = visitor.text()
    assert "EUR 947,355.40 506,830.40 236,984.20 440,525.00 53.4%" in said
    assert "JPY 3,182,260 1,834,025 585,793 1,348,235 57.6%" in said
    assert "Ends about 00:03 UTC, in 1 min 53 s; slowest: stripe." in said
    assert "Since 10% of the charges the forecasts were off by 1% at most." in said
    assert "Charged 200 50.0% 785,564.60 EUR" in said
    assert "Declined 13 do not honor 5 lost card 5 expired card 3" in said


@pytest.mark.usefixtures("half_charged")
def test_money_over_time_is_drawn_for_each_currency_and_said_in_words(visitor: Visitor) -> None:
    visitor.open(PAGE)
    said = visitor.text("section:has(#curve)")
    assert "EUR 743,814.60 of 897,006.79 expected" in said
    drawn = visitor.page.get_by_role("img", name="EUR over time")
    expect(drawn).to_have_accessible_name(
        re.compile("expected from 743,814.60 to 897,006.79; came in, .* to 743,814.60")
    )
    expect(drawn.get_by_text("now")).to_be_visible()


@pytest.mark.usefixtures("half_charged")
def test_each_provider_has_its_pace_beside_its_limit_and_what_is_left(visitor: Visitor) -> None:
    visitor.open(PAGE)
    said = visitor.text("section:has(#providers)")
    assert "stripe ▶ Charging 1.5 charges a second of 24.5 that its limit allows (25 requests a second)" in said
    assert "149 charges tried, 133 collected, 150 left in 150 batches, until 00:03:31 UTC" in said


@pytest.mark.usefixtures("half_charged")
def test_who_is_parked_or_waits_is_counted_with_what_helps(visitor: Visitor) -> None:
    visitor.open(PAGE)
    said = visitor.text("section:has(#people)")
    assert "Parked 2 set aside" in said
    assert "no price 1 import a price for the SKU" in said
    assert "Waiting 49 a bank is collecting" in said
    assert "Unreached 2 their e-mail came back" in said


@pytest.mark.usefixtures("half_charged")
def test_every_count_leads_to_the_list_of_who_it_counts(visitor: Visitor) -> None:
    visitor.open(PAGE)
    links = {
        link.get_attribute("aria-label"): link.get_attribute("href") or ""
        for link in visitor.page.locator("#live table a").all()
    }
    assert links["13 Declined: who"] == "/lists/payments?period=2026-10&state=declined"
    assert links["5 do not honor: who"] == "/lists/payments?period=2026-10&state=declined&decline_code=do_not_honor"
    assert links["1 no price: who"] == "/lists/parked?period=2026-10&reason=no_price"
    assert links["49 Waiting: who"] == "/lists/payments?period=2026-10&state=pending"
    more = {link.get_attribute("href") or "" for link in visitor.page.locator(".more a").all()}
    assert "/lists/credit-notes?period=2026-10" in more
    for address in (links["2 Unreached: who"], links["8 Held: who"], *more):
        assert visitor.open(address).status == 200


@pytest.mark.usefixtures("half_charged")
def test_a_provider_that_is_down_and_a_paused_close_say_so(visitor: Visitor, world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, pauses=(Pause(at(100), "bob", "wrong <b>fee</b>?"),)))
    world.limits.put_health(
        "stripe", Health(pause_seconds=40, paused_at=at(100).timestamp(), paused_until=at(140).timestamp())
    )
    visitor.open(PAGE)
    said = visitor.text()
    assert "❙❙ Paused" in said
    assert "Charging is paused by bob on 2026-11-01 00:01 UTC: wrong <b>fee</b>?." in said
    assert "stripe ! Down, asked again in 30 s" in said


@pytest.mark.parametrize(("continued", "said"), [(0, "Stopped 2026"), (1, "An earlier run was stopped 2026")])
@pytest.mark.usefixtures("half_charged")
def test_a_close_that_was_stopped_says_whether_it_still_is(
    visitor: Visitor, world: World, continued: int, said: str
) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    stopped_at = close.run_started_at - timedelta(seconds=continued)
    world.closes.put(replace(close, stops=(Stop(stopped_at, "wrong fee", "bob"),)))
    visitor.open(PAGE)
    [note] = [text for text in visitor.page.locator(".note").all_inner_texts() if "wrong fee" in text]
    assert said in note


def test_while_customers_are_counted_it_says_so(visitor: Visitor, world: World, machine: FakeMachine) -> None:
    world.add_customer("acme")
    world.open(execution=EXECUTION)
    visitor.open(PAGE)
    assert "Its customers are being counted" in visitor.text()
    assert "Known once the customers are counted." in visitor.text("section:has(#providers)")


def test_at_the_end_it_says_how_it_went_and_no_longer_expects_anything(
    visitor: Visitor, world: World, machine: FakeMachine
) -> None:
    scenes.ended(world, machine)
    visitor.open(PAGE)
    said = visitor.text()
    assert "! Something is left to do" in said
    assert "400 customers, begun 2026-11-01 00:00 UTC, took 3 min 51 s." in said
    assert "expected" not in visitor.text("section:has(#curve)")
    assert "Closed 400 100%" in said


@pytest.mark.usefixtures("half_charged")
def test_the_page_updates_itself_and_keeps_where_the_reader_is(
    visitor: Visitor, world: World, machine: FakeMachine
) -> None:
    visitor.page.clock.install()
    visitor.open(PAGE)
    visitor.page.get_by_role("region", name="Money by currency").focus()
    visitor.page.evaluate("window.kept = document.querySelector('#live h1')")
    scenes.ended(world, machine)
    visitor.page.clock.run_for(2_000)
    expect(visitor.page.get_by_text("Something is left to do")).to_be_visible()
    assert visitor.page.evaluate("window.kept === document.querySelector('#live h1')"), "the page was not made again"
    assert visitor.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Money by currency"


@pytest.mark.usefixtures("half_charged")
def test_a_page_that_can_no_longer_update_itself_says_so(visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.open(PAGE)
    warning = visitor.page.get_by_text("This page can no longer update itself")
    expect(warning).to_be_hidden()
    visitor.page.context.set_offline(True)
    visitor.page.clock.run_for(2_000)
    expect(warning).to_be_visible()
    visitor.page.context.set_offline(False)
    visitor.page.clock.run_for(2_000)
    expect(warning).to_be_hidden()
    visitor.complaints.clear()


@pytest.mark.usefixtures("half_charged")
def test_the_page_works_by_keyboard_from_the_top(visitor: Visitor) -> None:
    visitor.open(PAGE)
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Invoices")).to_be_focused()


@pytest.mark.parametrize(
    ("scene", "scheme"),
    [(scenes.opened, "light"), (scenes.half_charged, "light"), (scenes.half_charged, "dark"), (scenes.ended, "dark")],
)
def test_the_page_has_no_barriers_and_fits_into_the_window(
    visit: Visit, world: World, machine: FakeMachine, scene: Callable[..., object], scheme: str
) -> None:
    scene(world, machine)
    for size in (WIDE, TELEPHONE):
        visitor = visit(size, scheme)
        visitor.open(PAGE)
        assert visitor.barriers() == []
        assert not visitor.overflows()
