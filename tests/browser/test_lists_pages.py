"""The lists, in a browser: searched, filtered, sorted, paged, exported; with what people put into names."""

import csv
import io
from collections.abc import Callable

import pytest

from cli.dashboard.register.catalog import LISTS
from monthclose.domain.accounts.customer import Profile
from tests.browser.visiting import TELEPHONE, WIDE, Visitor
from tests.unit.register.copying import Ticking
from tests.world import World

type Visit = Callable[..., Visitor]
SCRIPT, FORMULA, TURNED = "<script>document.title='bad'</script>", "=1+1", "Acme \u202egnp.exe"


@pytest.fixture
def world() -> World:
    return World(clock=Ticking())


@pytest.fixture
def closed(world: World) -> World:
    """Sixty customers; some are declined, one is parked, one is on hold, three have names that are not nice."""
    for number in range(60):
        name = world.add_customer(f"cust-{number:02}", method="declined" if number % 20 == 0 else "ok")
        world.use(name, f"{number + 1}.50")
    for name, said in (("script", SCRIPT), ("formula", FORMULA), ("turned", TURNED)):
        world.directory.put_profiles([(name, Profile(said, f"{name}@evil.example", "EUR", "stripe", "ok"))])
        world.use(name, "10")
    world.use(world.add_customer("odd"), "5")
    world.change("odd", account_currency="EUR", receivable_minor=500)
    world.close()
    world.use_cases.hold_desk.hold("cust-01", "chargeback fraud", "ann")
    return world


@pytest.mark.usefixtures("closed")
def test_the_first_list_is_of_the_customers_and_all_others_are_a_click_away(visitor: Visitor) -> None:
    visitor.page.get_by_role("link", name="Lists").click()
    visitor.page.wait_for_selector("#found")
    assert "64 customers" in visitor.text()
    for spec in LISTS.values():
        visitor.page.get_by_role("navigation", name="Lists").get_by_role("link", name=spec.title, exact=True).click()
        visitor.page.wait_for_selector(f"h1:text-is('{spec.title}')")


@pytest.mark.usefixtures("closed")
def test_a_search_narrows_the_list_while_it_is_typed_and_the_address_keeps_it(visitor: Visitor) -> None:
    visitor.open("/lists/invoices")
    visitor.page.get_by_role("searchbox").fill("cust-20")
    visitor.page.wait_for_selector("#found b:text-is('1 invoice')")
    assert "q=cust-20" in visitor.page.url
    visitor.page.get_by_label("State").select_option("paid")
    visitor.page.wait_for_selector("#found b:text-is('0 invoices')")
    visitor.page.reload()
    assert "Nothing matches" in visitor.text()
    visitor.page.get_by_role("link", name="show all").click()
    visitor.page.wait_for_selector("#found b:text-is('63 invoices')")


@pytest.mark.usefixtures("closed")
def test_a_column_sorts_either_way_and_pages_go_on_in_that_order(visitor: Visitor) -> None:
    visitor.open("/lists/invoices")
    visitor.page.get_by_role("link", name="Total").click()
    visitor.page.wait_for_selector("th[aria-sort=descending]:has-text('Total')")
    assert "60.50" in visitor.page.inner_text("tbody tr:first-child")
    visitor.page.get_by_role("link", name="Next").click()
    visitor.page.wait_for_selector("text=51 to 63 of 63")
    visitor.page.get_by_role("link", name="Total").click()
    visitor.page.wait_for_selector("th[aria-sort=ascending]:has-text('Total')")
    assert "1.50" in visitor.page.inner_text("tbody tr:first-child")


@pytest.mark.usefixtures("closed")
def test_the_export_has_what_the_list_has(visitor: Visitor) -> None:
    visitor.open("/lists/payments?state=declined&sort=customer_id")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="Export as CSV").click()
    assert download.value.suggested_filename == "payments-declined.csv"
    text = download.value.path().read_text(encoding="utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(text))]
    assert [row["customer_id"] for row in rows] == ["cust-00", "cust-20", "cust-40"]
    assert (rows[1]["amount"], rows[1]["decline_code"]) == ("21.50", "insufficient_funds")


@pytest.mark.usefixtures("closed")
def test_what_people_put_into_names_does_nothing_to_the_page(visitor: Visitor) -> None:
    visitor.open("/lists/customers?q=evil")
    said = visitor.text()
    assert SCRIPT in said
    assert FORMULA in said
    assert visitor.page.title() != "bad"
    assert visitor.page.locator("td bdi", has_text="Acme").count() == 1  # the turned text turns nothing beside it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, TELEPHONE])
@pytest.mark.usefixtures("closed")
def test_lists_have_no_barriers_and_fit_into_the_window(visit: Visit, size: tuple[int, int], scheme: str) -> None:
    visitor = visit(size, scheme)
    for name in ("customers", "payments", "parked"):
        visitor.open(f"/lists/{name}")
        assert visitor.barriers() == []
        assert not visitor.overflows()


@pytest.mark.usefixtures("closed")
def test_a_list_can_be_searched_and_sorted_by_keyboard_alone(visitor: Visitor) -> None:
    visitor.open("/lists/holds")
    visitor.page.get_by_role("searchbox").focus()
    visitor.page.keyboard.type("chargeback")
    visitor.page.wait_for_selector("#found b:text-is('1 customer on hold')")
    assert visitor.page.evaluate("document.activeElement.id") == "q"
    visitor.page.get_by_role("link", name="Owes").focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector("th[aria-sort=descending]:has-text('Owes')")


def test_a_list_says_that_something_has_changed_and_one_of_no_rows_what_that_means(
    world: World, visitor: Visitor
) -> None:
    visitor.open("/lists/parked")
    assert "Nobody is parked." in visitor.text()
    assert visitor.open("/lists/nonsense").status == 404
    assert visitor.open("/lists/customers?page=99999999999&sort=nonsense&standing=nonsense").status == 200
    assert "Nothing matches" in visitor.text()
    world.add_customer("new")
    visitor.open("/lists/customers/fresh?seen=0")
    assert "show what has changed since" in visitor.text("body")
    visitor.open("/lists/customers")
    assert "1 customer" in visitor.text()


def test_months_closed_before_there_was_a_register_are_named_with_what_fills_them_in(
    closed: World, visitor: Visitor
) -> None:
    closed.register.objects.clear()
    visitor.open("/lists/invoices")
    assert "Rows are missing of 2026-10" in visitor.text()
    assert "monthclose pack 2026-10" in visitor.text()
