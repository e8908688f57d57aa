"""Lists, searches and exports, from the copy that a dashboard keeps of the register."""

import csv
import gzip
import io
import itertools
import string
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import duckdb
import pytest

from cli.dashboard.register.catalog import INVOICES, LISTS, PAYMENTS
from cli.dashboard.register.lists import Coverage, Lists, Query
from cli.dashboard.register.service import ListService
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.domain.register.objects import BATCHES, CUSTOMERS, batch_key, batch_object
from monthclose.errors import TryLaterError, UserMistakeError
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.register.copying import Copy, Ticking
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    """A company with one customer who pays, one who doesn't, one who is parked, and one who pays in yen."""
    world = World(clock=Ticking())
    for name, method, currency in (
        ("acme", "ok", "USD"),
        ("poor", "declined", "USD"),
        ("odd", "ok", "USD"),
        ("tokyo", "declined", "JPY"),
    ):
        world.add_customer(name, method=method, currency=currency)
        if name != "odd":
            world.use(name, "1250")
    world.use("odd", "5")
    world.change("odd", account_currency="EUR", receivable_minor=500)
    return world


@pytest.fixture
def copy(world: World) -> Iterator[Copy]:
    world.close()
    made = Copy(world)
    yield made
    made.cache.close()


def test_every_list_can_be_sorted_by_each_column_either_way_and_filtered_by_each_value(copy: Copy) -> None:
    copy.sync.refresh()
    for spec in LISTS.values():
        for column in spec.columns:
            for sort in (column.name, f"-{column.name}"):
                page = copy.lists.page(spec, Query(sort=sort))
                assert page.sort == sort
                rows = [row[column.name] for row in page.rows if row[column.name] is not None]
                if not column.name.endswith("_minor"):
                    assert rows == sorted(rows, reverse=sort.startswith("-"))  # type: ignore[type-var]
        for wanted in spec.filters:
            for value, _ in copy.lists.choices(spec, wanted):
                copy.lists.page(spec, Query("a", {wanted.name: value}))


def test_customers_are_found_by_id_name_and_address_whatever_their_case_and_accents(world: World) -> None:
    world.directory.put_profiles([("c1", Profile("Żółw Müller GmbH", "Rechnung@Mueller.example", "EUR", "stripe"))])
    copy = Copy(world)
    for words in ("ZOŁW", "muller", "c1", "RECHNUNG@", "gmbh żółw", "Müller  c1"):
        assert copy.ids("customers", words) == ["c1"], words
    assert copy.ids("customers", "muller acme") == []
    assert copy.ids("customers", "100%") == []


def test_invoices_and_payments_are_found_by_number_provider_reference_and_the_customers_name(copy: Copy) -> None:
    number = copy.world.month("acme").invoice
    assert number
    assert copy.ids("invoices", number.number.lower()) == ["acme"]
    assert copy.ids("invoices", "ACME ltd") == ["acme"]
    assert copy.ids("payments", number.number) == ["acme"]
    assert copy.ids("payments", "pi_2026-10/poor") == ["poor"]


def test_filters_and_their_values(copy: Copy) -> None:
    assert set(copy.ids("payments", state="declined")) == {"poor", "tokyo"}
    assert copy.ids("invoices", state="open", currency="JPY") == ["tokyo"]
    assert copy.ids("parked", reason="currency_mismatch") == ["odd"]
    assert copy.ids("customers", standing="held") == ["poor", "tokyo"]
    assert copy.ids("customers", standing="no such value")  # an address that somebody has typed: no filter
    values = {each.name: copy.lists.choices(PAYMENTS, each) for each in PAYMENTS.filters}
    assert values["state"] == [("declined", "declined"), ("paid", "paid")]
    assert values["decline_code"] == [("insufficient_funds", "insufficient_funds")]


def test_amounts_are_sorted_by_what_they_are_worth_in_their_currency_and_summed_apart(copy: Copy) -> None:
    assert copy.ids("invoices", sort="total_minor")[-1] == "tokyo"  # 1250 yen are the figure 1250, and so are dollars
    page = copy.lists.page(INVOICES, Query())
    assert set(page.sums) == {Money(125_000, "USD"), Money(1250, "JPY")}
    assert page.total == 3


def test_what_one_customer_has_as_credit_is_not_taken_off_what_others_owe(copy: Copy) -> None:
    copy.world.cashier.credit("acme", Money(700, "USD"), "a long outage", by="ann")
    assert copy.row("customers", "acme")["balance_minor"] == -700
    page = copy.lists.page(LISTS["customers"], Query(filters={"currency": "USD"}))
    assert page.sums == [Money(125_000, "USD")]


def test_sums_are_shown_in_every_currency(world: World) -> None:
    currencies = ("AUD", "BRL", "CAD", "CHF", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK")
    for currency in currencies:
        world.use(world.add_customer(f"of-{currency}", method="declined", currency=currency), "10")
    world.close()
    copy = Copy(world)
    copy.sync.refresh()
    for name in ("customers", "invoices"):
        assert {each.currency for each in copy.lists.page(LISTS[name], Query()).sums} >= {*currencies, "USD", "JPY"}


def test_customers_stand_as_they_do_now_after_each_booking_without_another_read_of_them(world: World) -> None:
    world.close()
    copy = Copy(world)
    assert copy.row("customers", "poor")["balance_minor"] == 125_000
    assert copy.ids("holds") == ["poor", "tokyo"]
    world.clock.pass_time(days=1)
    world.cashier.record("poor", Money(125_000, "USD"), "transfer 1")
    after = copy.row("customers", "poor")
    assert (after["balance_minor"], after["open_invoices"], after["held_since"]) == (0, 0, None)
    assert copy.ids("holds") == ["tokyo"]
    assert copy.row("invoices", "poor")["open_minor"] == 0


def test_credit_and_holds_that_a_person_decides_between_closes_are_seen(world: World) -> None:
    world.close()
    copy = Copy(world)
    world.cashier.credit("acme", Money(700, "USD"), "a long outage", by="ann")
    assert copy.row("customers", "acme")["credit_minor"] == 700
    world.use_cases.hold_desk.hold("acme", "chargeback fraud", "ann")
    held = copy.row("holds", "acme")
    assert (held["hold_reason"], held["held_by"]) == ("chargeback fraud", "ann")
    world.use_cases.hold_desk.release("acme", "settled", "ann")
    assert "acme" not in copy.ids("holds")
    assert copy.row("customers", "acme")["credit_minor"] == 700


def test_an_import_is_seen_at_once_and_a_removed_customer_is_gone_after_the_next_snapshot(world: World) -> None:
    copy = Copy(world)
    assert copy.ids("customers", sort="customer_id") == ["acme", "odd", "poor", "tokyo"]
    profile = replace(world.customer("acme").profile, name="Acme Renamed", email="new@acme.example")
    world.directory.put_profiles([("acme", profile)])
    assert copy.row("customers", "acme")["name"] == "Acme Renamed"
    del world.books.records["customer", "odd"]
    world.clock.pass_time(days=2)
    world.close()
    assert copy.ids("customers", sort="customer_id") == ["acme", "poor", "tokyo"]


@pytest.mark.parametrize("out_of_time", [False, True])
@pytest.mark.parametrize("failed", [1, 2, 4])
def test_nobody_is_gone_because_one_part_of_the_list_of_customers_could_not_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch, failed: int, *, out_of_time: bool
) -> None:
    copy = Copy(world)
    everybody = copy.ids("customers", sort="customer_id")
    world.clock.pass_time(days=2)
    snapshots, put, puts = world.planner.snapshots, world.register.put_customers, itertools.count(1)
    object.__setattr__(snapshots, "part", 1)
    object.__setattr__(snapshots.directory, "at_once", 1)

    def sometimes(customers: Iterable[Customer], read_at: datetime) -> bool:
        return next(puts) != failed and put(customers, read_at)

    monkeypatch.setattr(world.register, "put_customers", sometimes)
    run, scan = world.open(), None
    while plan := world.planner.plan(OCTOBER, run, scan, lambda: out_of_time).scan:
        scan = plan
    assert next(puts) > len(everybody)
    assert copy.ids("customers", sort="customer_id") == everybody


def test_what_has_not_changed_is_not_fetched_again(copy: Copy) -> None:
    copy.sync.refresh(at_once=True)
    gets, lists = copy.world.register.gets, copy.world.register.lists
    copy.sync.refresh(at_once=True)
    assert copy.world.register.gets == gets
    assert copy.world.register.lists - lists == 3  # customers, single accounts, one period
    copy.sync.refresh()
    assert copy.world.register.lists - lists == 3  # a moment ago is good enough
    copy.world.cashier.record("poor", Money(1, "USD"), "transfer 1")
    copy.sync.refresh(at_once=True)
    assert copy.world.register.gets - gets == 2  # the batch and the account


def test_a_list_is_another_one_only_once_its_rows_have_changed(copy: Copy) -> None:
    copy.sync.refresh(at_once=True)
    revision = copy.cache.revision
    for _ in range(2):
        copy.world.clock.pass_time(minutes=20)  # long enough for the reports to be read again, too
        copy.sync.refresh(at_once=True)
    assert copy.cache.revision == revision
    copy.world.cashier.record("poor", Money(1, "USD"), "transfer 1")
    copy.sync.refresh(at_once=True)
    assert copy.cache.revision == revision + 1
    copy.world.use_cases.acts.record("customer.held", customer_id="acme", by="ann", why="fraud")
    copy.sync.refresh(at_once=True)
    assert copy.cache.revision == revision + 2


def test_what_a_run_that_broke_off_has_read_is_seen_after_the_next_one(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.sync.refresh(at_once=True)
    revision = copy.cache.revision
    copy.world.cashier.record("poor", Money(125_000, "USD"), "transfer 1")
    with monkeypatch.context() as broken:
        broken.setattr(copy.world.documents, "get", lambda _key: 1 / 0)
        copy.world.clock.pass_time(minutes=20)
        with pytest.raises(ZeroDivisionError):
            copy.sync.refresh(at_once=True)
    copy.sync.refresh(at_once=True)
    assert copy.cache.revision == revision + 1
    assert copy.row("customers", "poor")["balance_minor"] == 0


def test_an_object_that_was_read_earlier_and_written_later_hides_nothing(copy: Copy) -> None:
    payment = copy.world.month(name := "acme").payment
    assert payment
    progress = copy.world.closes.progress(OCTOBER, payment.batch)
    assert progress
    before = [copy.world.month(name)]
    shown = copy.row("invoices", name)
    early = progress.time - timedelta(seconds=30)
    copy.world.register.put(batch_object(progress, [replace(before[0], invoice=None, payment=None)], (), early))
    assert copy.row("invoices", name) == shown
    restored = progress.time - timedelta(days=1)  # the tables were restored: what is older by so much is the truth
    copy.world.register.put(batch_object(progress, [replace(before[0], invoice=None, payment=None)], (), restored))
    assert name not in copy.ids("invoices")


def test_batches_that_are_gone_and_another_history_are_forgotten(copy: Copy) -> None:
    assert len(copy.ids("invoices")) == 3
    first = next(key for key in copy.world.register.objects if key.startswith(BATCHES))
    del copy.world.register.objects[first]
    assert len(copy.ids("invoices")) == 2
    for key in [key for key in copy.world.register.objects if key.startswith(CUSTOMERS)]:
        del copy.world.register.objects[key]
    copy.world.register.put_profiles([("other", Profile("Other", "o@o.example", "USD", "stripe"))])
    assert "acme" not in [row for row in copy.ids("customers") if row not in copy.ids("invoices")]
    assert copy.row("customers", "other")["name"] == "Other"


def test_findings_are_read_again_with_another_history(copy: Copy) -> None:
    copy.sync.refresh(at_once=True)
    before = copy.lists.page(LISTS["findings"], Query()).total
    assert before
    for key in [key for key in copy.world.register.objects if key.startswith(CUSTOMERS)]:
        del copy.world.register.objects[key]
    copy.sync.refresh(at_once=True)
    assert copy.lists.page(LISTS["findings"], Query()).total == before


@pytest.mark.parametrize(
    "damaged",
    [lambda good: good[:-20], lambda good: good[:10] + bytes([255 - good[10]]) + good[11:], lambda _good: b"no gzip"],
    ids=["cut", "changed", "replaced"],
)
def test_a_damaged_object_is_left_out_and_tried_again(copy: Copy, damaged: Callable[[bytes], bytes]) -> None:
    key = batch_key(OCTOBER, 0)
    at, good = copy.world.register.objects[key]
    copy.world.register.objects[key] = (at, damaged(good))
    assert len(copy.ids("invoices")) == 2
    assert copy.sync.state.unreadable == 1
    copy.world.register.objects[key] = (at, good)
    assert len(copy.ids("invoices")) == 3
    assert copy.sync.state.unreadable == 0


@pytest.mark.parametrize("line", [b'{"table":"invoices","number', b"garbage"])
def test_lines_that_cannot_be_read_are_counted_until_they_are_written_again(copy: Copy, line: bytes) -> None:
    key = batch_key(OCTOBER, 0)
    at, good = copy.world.register.objects[key]
    copy.world.register.objects[key] = (at, gzip.compress(gzip.decompress(good) + line + b"\n"))
    for _ in range(2):
        assert len(copy.ids("invoices")) == 3
        assert copy.sync.state.lost == 1
    copy.world.register.objects[key] = (at, good)
    assert len(copy.ids("invoices")) == 3
    assert copy.sync.state.lost == 0


def test_a_filter_has_all_countries(world: World) -> None:
    countries = [a + b for a in "ABCDEFGHIJ" for b in string.ascii_uppercase]
    world.directory.put_profiles(
        (code, Profile(code, "a@b.example", "EUR", "stripe", country=code)) for code in countries
    )
    copy = Copy(world)
    copy.sync.refresh()
    (wanted,) = (each for each in LISTS["customers"].filters if each.name == "country")
    assert [value for value, _ in copy.lists.choices(LISTS["customers"], wanted)] == countries


def test_a_register_that_cannot_be_written_stops_no_close_and_is_made_good_later(world: World) -> None:
    world.register.down = True
    report = world.close()
    assert report["proof"]["ties"]
    copy = Copy(world)
    assert copy.ids("invoices") == []
    assert copy.lists.missing() == [Coverage("2026-10", 0, 4)]
    world.register.down = False
    world.cashier.record("poor", Money(1, "USD"), "transfer 1")
    assert copy.ids("invoices") == ["poor"]
    world.pack()
    assert set(copy.ids("invoices")) == {"acme", "poor", "tokyo"}
    assert copy.lists.missing() == []
    assert copy.row("customers", "poor")["balance_minor"] == 125_000 - 1
    world.cashier.record("poor", Money(9, "USD"), "transfer 2")
    assert copy.row("customers", "poor")["balance_minor"] == 125_000 - 10


def test_a_pack_says_nothing_of_an_account_that_its_entries_do_not_explain(world: World) -> None:
    world.close()
    copy = Copy(world)
    assert copy.row("customers", "poor")["balance_minor"] == 125_000
    account = world.customer("poor")
    world.books.records["customer", "poor"] = replace(account, receivable_minor=1)  # read before an entry that is read
    world.pack()
    assert copy.row("customers", "poor")["balance_minor"] == 125_000


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_damaged_copy_is_made_again(world: World, tmp_path: Path, damage: bytes) -> None:
    world.close()
    path = tmp_path / "register.duckdb"
    first = Copy(world, path)
    first.sync.refresh()
    first.cache.close()
    path.write_bytes(damage or path.read_bytes()[: path.stat().st_size // 2])
    again = Copy(world, path)
    assert len(again.ids("invoices")) == 3
    again.cache.close()
    kept, gets = Copy(world, path), world.register.gets
    assert len(kept.ids("invoices")) == 3
    assert world.register.gets == gets
    kept.cache.close()


def test_a_copy_that_another_dashboard_has_open_is_left_alone(world: World, tmp_path: Path) -> None:
    world.close()
    path = tmp_path / "register.duckdb"
    code = f"import duckdb, sys; kept = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        copy = Copy(world, path)
        assert len(copy.ids("invoices")) == 3
        copy.cache.close()
    assert path.exists()


def test_findings_and_acts_are_lists_too(copy: Copy) -> None:
    copy.world.use_cases.hold_desk.hold("acme", "fraud", "ann")
    copy.world.use_cases.acts.record("customer.held", customer_id="acme", by="ann", why="fraud")
    copy.sync.refresh(at_once=True)
    (act,) = copy.lists.page(LISTS["audit"], Query("fraud")).rows
    assert (act["what"], act["by"], act["customer_id"]) == ("customer.held", "ann", "acme")
    copy.sync.refresh(at_once=True)
    assert copy.lists.page(LISTS["audit"], Query()).total == 1


HOSTILE = '=HYPERLINK("http://evil.example")'


def test_an_export_has_all_rows_in_minor_and_major_units_and_runs_nothing(world: World) -> None:
    world.directory.put_profiles([("evil", Profile(HOSTILE, "+1@evil.example", "KWD", "stripe", "ok"))])
    world.use("evil", "1.234")
    world.close()
    copy = Copy(world)
    copy.sync.refresh()
    text = "".join(copy.lists.export(LISTS["invoices"], Query(sort="customer_id")))
    rows = {row["customer_id"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == ["acme", "evil", "poor", "tokyo"]
    assert (rows["evil"]["total_minor"], rows["evil"]["total"]) == ("1234", "1.234")
    assert (rows["tokyo"]["total_minor"], rows["tokyo"]["total"]) == ("1250", "1250")
    assert rows["evil"]["name"] == f"'{HOSTILE}"
    everybody = "".join(copy.lists.export(LISTS["customers"], Query()))
    assert "'+1@evil.example" in everybody
    filtered = "".join(copy.lists.export(INVOICES, Query(filters={"currency": "JPY"})))
    assert len(filtered.splitlines()) == 2


def test_no_column_of_the_invoices_list_is_empty_in_every_row(copy: Copy) -> None:
    invoice = copy.world.month("poor").invoice
    assert invoice
    copy.world.use("poor", "5")
    copy.world.regenerator.regenerate(invoice.number, "usage came late")
    copy.sync.refresh(at_once=True)
    rows = copy.lists.page(INVOICES, Query()).rows
    assert {each.name for each in INVOICES.columns if all(row[each.name] is None for row in rows)} == set()


def test_a_search_is_never_part_of_the_query(copy: Copy) -> None:
    copy.sync.refresh()
    for words in ("' OR 1=1 --", "%", "_", '"; DROP TABLE customers; --', "\x00"):
        assert copy.lists.page(INVOICES, Query(words, {"state": words, "period": words}, sort=words)).total == 0
    assert copy.lists.page(INVOICES, Query()).total == 3


@pytest.fixture
def service(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ListService:
    monkeypatch.setenv("MONTHCLOSE_HOME", str(tmp_path))
    world.close()
    made = ListService(Command(world, FakeMachine(world)).system, at_once=True, wait=60)
    made.look()
    return made


def _invoices(service: ListService) -> int:
    return service.ask(lambda lists: lists.page(INVOICES, Query()).total)


def _broken(error: duckdb.Error) -> Callable[[Lists], None]:
    def ask(_lists: Lists) -> None:
        raise error

    return ask


@pytest.mark.parametrize(
    "damage",
    [duckdb.IOException, duckdb.FatalException, duckdb.SerializationException, duckdb.InternalException],
)
def test_a_copy_whose_damage_shows_later_is_made_again(service: ListService, damage: type[duckdb.Error]) -> None:
    assert _invoices(service) == 3
    with pytest.raises(TryLaterError, match="damaged"):
        service.ask(_broken(damage("a block has another checksum")))
    assert _invoices(service) == 0
    service.look()
    assert _invoices(service) == 3


def test_a_query_that_fails_alone_leaves_the_copy(service: ListService) -> None:
    with pytest.raises(UserMistakeError, match="too little memory"):
        service.ask(_broken(duckdb.OutOfMemoryException("could not allocate block")))
    with pytest.raises(duckdb.BinderException):
        service.ask(_broken(duckdb.BinderException("no such column")))
    assert _invoices(service) == 3


def test_a_copy_that_was_made_again_meanwhile_is_not_made_once_more(service: ListService) -> None:
    def overtaken(_lists: Lists) -> None:
        with pytest.raises(TryLaterError):
            service.ask(_broken(duckdb.IOException("a block has another checksum")))
        service.look()
        raise duckdb.IOException("the connection was closed")

    with pytest.raises(TryLaterError, match="read again"):
        service.ask(overtaken)
    assert _invoices(service) == 3


def test_a_register_that_cannot_be_read_leaves_the_lists_as_they_were_and_says_so(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONTHCLOSE_HOME", str(tmp_path))
    world.close()
    service = ListService(Command(world, FakeMachine(world)).system, at_once=True, wait=60)
    service.look()
    monkeypatch.setattr(world.register, "listed", lambda _prefix: 1 / 0)
    state = service.look()
    assert "division" in state.error
    assert service.ask(lambda lists: lists.page(INVOICES, Query())).total == 3
