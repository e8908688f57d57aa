"""A close's report and the files of its pack, without a command."""

import csv
import io
import json
from collections.abc import Callable

import pytest

from monthclose.domain.money import Money
from monthclose.domain.pack.pack import PackFailure, failure_key
from tests.browser.visiting import TELEPHONE, WIDE, Visitor
from tests.unit.cli.driving import EXECUTION
from tests.world import OCTOBER, World

type Visit = Callable[..., Visitor]
PAGE = "/closes/2026-10/report"


@pytest.fixture
def closed(world: World) -> None:
    world.use(world.add_customer("acme"), "12.50")
    world.close()


@pytest.mark.usefixtures("closed")
def test_from_the_closes_to_the_report_takes_three_links(visitor: Visitor) -> None:
    for name in ("2026-10", "Report and files", "Open the report"):
        visitor.page.get_by_role("link", name=name).click()
    assert "The books tie" in visitor.text("body")
    assert visitor.page.locator("main section").first.evaluate("part => getComputedStyle(part).borderRadius") != "0px"
    visitor.page.go_back()
    assert "Report of 2026-10 ✓ Completed" in visitor.text()


@pytest.mark.usefixtures("closed")
def test_every_file_of_the_pack_can_be_saved(visitor: Visitor, world: World) -> None:
    pack = world.pack()
    visitor.open(PAGE)
    assert "1 customer" in visitor.text("section:has(#pack)")
    links = visitor.page.locator("section:has(#pack) a")
    assert sorted(links.all_text_contents()) == sorted(file.name for file in pack.files)
    with visitor.page.expect_download() as saved:
        visitor.page.get_by_role("link", name="invoices.csv", exact=True).click()
    assert saved.value.suggested_filename == "2026-10-invoices.csv"
    rows = csv.DictReader(io.StringIO(saved.value.path().read_text()))
    assert [row["total"] for row in rows] == ["12.50"]


@pytest.mark.usefixtures("closed")
def test_only_files_of_the_pack_are_handed_out(visitor: Visitor, world: World) -> None:
    path = "/closes/2026-10/pack/"
    assert visitor.open(path + "invoices.csv").status == 404
    world.pack()
    for name in ("nothing.csv", "..%2F..%2Freport.json", "%2E%2E/manifest.json", "invoices.csv/"):
        assert visitor.open(path + name).status == 404


@pytest.mark.usefixtures("closed")
def test_a_pack_that_is_out_of_date_and_one_that_failed_say_what_helps(visitor: Visitor, world: World) -> None:
    world.pack()
    invoice = world.month("acme").invoice
    assert invoice
    world.corrector.credit(invoice.number, Money(100, "USD"), "goodwill")
    visitor.open(PAGE)
    assert "The books have changed since the report pack was made." in visitor.text()
    failure = PackFailure(world.clock.now.replace(year=2027), "DuckDB ran out of memory")
    world.documents.put(failure_key(OCTOBER), json.dumps(failure.content()).encode())
    visitor.page.reload()
    assert "The last report pack could not be made: DuckDB ran out of memory (2027-" in visitor.text()


def test_before_the_end_it_says_when_the_report_and_the_pack_are_made(visitor: Visitor, world: World) -> None:
    world.use(world.add_customer("acme"), "12.50")
    world.open(execution=EXECUTION)
    visitor.open(PAGE)
    assert "It is written when the close ends." in visitor.text()
    assert "It is made when the close ends" in visitor.text("section:has(#pack)")
    assert visitor.open(f"{PAGE}.html").status == 404
    assert "its report is written at the end" in visitor.text()


def test_what_a_rehearsal_found_is_shown_where_it_is_approved(visit: Visit, world: World) -> None:
    world.use(world.add_customer("acme"), "12.50")
    world.rehearse()
    visitor = visit()
    assert visitor.open("/closes/2026-10/rehearsal.html").status == 200
    assert "12.50" in visitor.text("body")
    assert visitor.open("/closes/2026-09/rehearsal.html").status == 404


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_no_barriers_and_fits_into_the_window(visit: Visit, world: World, scheme: str) -> None:
    world.pack()
    for size in (WIDE, TELEPHONE):
        visitor = visit(size, scheme)
        visitor.open(PAGE)
        assert visitor.barriers() == []
        assert not visitor.overflows()
