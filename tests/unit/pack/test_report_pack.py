"""The report pack of a close: what is in it, and that it is whole whatever dies or is repeated while it is made."""

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count

import pytest

from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.accounts.posting import books_end
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.money import Money
from monthclose.domain.pack.pack import MadeFor, Pack, pack_key
from monthclose.domain.pack.tables import TABLES
from monthclose.errors import MailRefusedError, TryLaterError
from monthclose.ports.payouts import PayoutRecord
from monthclose.use_cases.pack import piece_writer, write_table
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_close import report_key
from monthclose.use_cases.proof.report_pack import current_pack
from tests.fakes.documents import FakeDocuments
from tests.world import OCTOBER, World

type Rows = list[dict[str, str]]


@pytest.fixture
def world() -> World:
    world = World()
    for number, amount in enumerate(("10.00", "20.50", "30.25")):
        world.use(world.add_customer(f"customer-{number}"), amount)
    world.close()
    return world


def report(world: World) -> Report:
    content: Report = json.loads(world.documents.get(report_key(OCTOBER, "json")))
    return content


def current(world: World) -> Pack | None:
    return current_pack(world.documents, OCTOBER)


def rows(world: World, pack: Pack, table: str) -> Rows:
    """Read a table's files for people, one after the other."""
    names = [file.name for file in pack.files if file.name.startswith((f"{table}.csv", f"{table}-"))]
    texts = [world.documents.get(pack.key_of(name)).decode() for name in names]
    return [row for text in texts for row in csv.DictReader(io.StringIO(text))]


def all_rows(world: World, pack: Pack) -> dict[str, Rows]:
    return {name: rows(world, pack, name) for name in TABLES}


def test_a_pack_has_every_customer_and_its_sums_are_the_reports(world: World) -> None:
    pack = world.pack()
    said = report(world)
    assert [row["customer_id"] for row in rows(world, pack, "customers")] == ["customer-0", "customer-1", "customer-2"]
    invoices, lines = rows(world, pack, "invoices"), rows(world, pack, "lines")
    assert sum(int(row["total_minor"]) for row in invoices) == said["money"]["USD"]["invoiced"] == 6075
    assert sum(int(row["amount_minor"]) for row in lines) == 6075
    assert sum(int(row["collected_minor"]) for row in rows(world, pack, "payments")) == 6075
    legs = rows(world, pack, "entries")
    assert sum(int(row["amount_minor"]) for row in legs) == 0
    receivable = sum(int(row["amount_minor"]) for row in legs if row["account"] == "receivable")
    assert receivable == said["ledger"]["USD"]["receivable"] == 0


def test_amounts_have_major_units_beside_them_by_the_currencys_own_decimals() -> None:
    world = World()
    for currency, amount in (("JPY", "1200"), ("KWD", "1.234"), ("EUR", "-0.05")):
        world.use(world.add_customer(currency, currency=currency), amount)
    world.close()
    found = {row["customer_id"]: (row["total_minor"], row["total"]) for row in rows(world, world.pack(), "invoices")}
    assert found == {"JPY": ("1200", "1200"), "KWD": ("1234", "1.234"), "EUR": ("-5", "-0.05")}


def test_the_manifest_names_every_file_with_its_rows_and_size(world: World) -> None:
    pack = world.pack()
    assert current(world) == pack
    for file in pack.files:
        assert len(world.documents.get(pack.key_of(file.name))) == file.size, file.name
    by_name = {file.name: file for file in pack.files}
    assert by_name["invoices.csv"].rows == by_name["parquet/invoices/invoices.parquet"].rows == 3
    assert by_name["credit_notes.csv"].rows == 0
    page = world.documents.get(pack.key_of("index.html")).decode()
    assert all(f'href="{file.name}"' in page for file in pack.files)


def test_the_report_says_where_its_pack_is_and_keeps_saying_it_when_it_is_proved_again(world: World) -> None:
    assert "pack" not in report(world)
    pack = world.pack()
    assert report(world)["pack"]["name"] == pack.name
    world.reconcile()
    assert report(world)["pack"]["name"] == pack.name


class Dying(FakeDocuments):
    """A store whose n-th write fails, once."""

    def __init__(self, before: FakeDocuments, number: int) -> None:
        super().__init__()
        self.objects = dict(before.objects)
        self._left = count(-number)

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        if next(self._left) == 0:
            raise TryLaterError("S3 is briefly unavailable")
        super().put(key, content, content_type)


def made_by_repeating(world: World) -> Pack:
    """Make a pack as its state machine does, which repeats a function that says so."""
    made = world.use_cases
    plan = repeated(lambda: made.pack_planner.plan(OCTOBER, MadeFor.CLOSE))
    for number in range(plan.parts):
        repeated(partial(made.pack_part_reader.read, plan, number))
    for table in TABLES.values():
        repeated(partial(made.pack_table_writer.write, plan, table))
    return repeated(lambda: made.pack_finisher.finish(OCTOBER, plan.name))


def repeated[T](call: Callable[[], T]) -> T:
    while True:
        with suppress(TryLaterError):
            return call()


@pytest.mark.parametrize("number", range(1, 120, 3))
def test_a_pack_whose_making_dies_at_any_write_and_is_repeated_has_every_row_once(
    world: World, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_writer, "_MOST_KEPT", 1)
    made = world.pack()
    whole = all_rows(world, made)
    world.documents.objects = {key: value for key, value in world.documents.objects.items() if "pack" not in key}
    dying = World(books=world.books, closes=world.closes, clock=world.clock, documents=Dying(world.documents, number))
    again = made_by_repeating(dying)
    assert all_rows(dying, again) == whole
    assert [(file.name, file.rows) for file in again.files] == [(f.name, f.rows) for f in made.files]


def test_a_part_that_runs_out_of_time_continues_where_it_was(world: World) -> None:
    made = world.use_cases
    plan = made.pack_planner.plan(OCTOBER, MadeFor.CLOSE)
    calls = 1
    while not made.pack_part_reader.read(plan, 0, time_is_up=lambda: True):
        calls += 1
    assert calls == 1, "a hundred customers are read together"
    assert made.pack_part_reader.read(plan, 0), "a part that is complete stays so"
    pieces = list(made.pack_part_reader.store.pieces(plan, "customers"))
    assert sum(piece.rows for piece in pieces) == 3


def test_a_table_too_long_for_one_file_has_several_of_whole_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece_writer, "_MOST_KEPT", 1)
    monkeypatch.setattr(write_table, "MOST_ROWS", 2)
    pack = world.pack()
    files = {file.name: file.rows for file in pack.files if "customers" in file.name}
    assert files == {
        "customers-001.csv": 2,
        "customers-002.csv": 1,
        "parquet/customers/customers-001.parquet": 2,
        "parquet/customers/customers-002.parquet": 1,
    }
    assert len(rows(world, pack, "customers")) == 3


def test_what_one_part_holds_in_memory_does_not_grow_with_its_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for number in range(400):
        world.use(world.add_customer(f"customer-{number:03}"), "10.00")
    world.close()
    monkeypatch.setattr(piece_writer, "_MOST_KEPT", 100_000)
    plan = world.use_cases.pack_planner.plan(OCTOBER, MadeFor.CLOSE)
    assert world.use_cases.pack_part_reader.read(plan, 0)
    store = world.use_cases.pack_part_reader.store
    sizes = [piece.size for table in TABLES for piece in store.pieces(plan, table)]
    assert max(sizes) < 120_000
    assert sum(sizes) > 500_000


def test_text_that_a_spreadsheet_would_run_is_harmless_and_programs_get_it_as_it_is() -> None:
    world = World()
    hostile = '=HYPERLINK("http://x";"<script>alert(1)</script>\u202e")'
    world.add_customer("customer")
    profile = replace(world.customer("customer").profile, name=hostile)
    world.directory.put_profiles([("customer", profile)])
    world.use("customer", "10.00")
    world.close()
    pack = world.pack()
    shown = hostile.replace("\u202e", "\ufffd")
    assert [row["name"] for row in rows(world, pack, "customers")] == [f"'{shown}"]
    for_programs = world.documents.get(pack.key_of("parquet/customers/customers.parquet")).decode()
    assert hostile.replace('"', '""') in for_programs


def test_of_two_packs_at_once_the_one_that_was_begun_later_stays(world: World) -> None:
    made, finish = world.use_cases, []
    for _ in range(2):
        plan = made.pack_planner.plan(OCTOBER, MadeFor.PERSON)
        world.clock.pass_time(seconds=5)
        finish.append(plan)
    earlier, later = finish
    for plan in (later, earlier):
        assert made.pack_part_reader.read(plan, 0)
        for table in TABLES.values():
            assert made.pack_table_writer.write(plan, table)
        made.pack_finisher.finish(OCTOBER, plan.name)
    found = current(world)
    assert found
    assert found.name == later.name
    assert report(world)["pack"]["name"] == later.name


def while_asking_for_payouts(world: World, act: Callable[[], object]) -> None:
    """Let something happen while a pack that is being finished asks a provider, which then cannot be read."""

    def record() -> PayoutRecord:
        act()
        raise TryLaterError("the provider is down")

    finisher = world.use_cases.pack_finisher
    payouts = replace(finisher.payouts, records={"stripe": record})
    world.use_cases.pack_finisher = replace(finisher, payouts=payouts)


def test_a_report_that_is_written_while_its_pack_is_finished_is_kept(world: World) -> None:
    def prove_again() -> None:
        newer = {**report(world), "status": "not_compared"}
        world.documents.put(report_key(OCTOBER, "json"), json.dumps(newer).encode())

    while_asking_for_payouts(world, prove_again)
    pack = world.pack()
    assert report(world)["status"] == "not_compared"
    assert report(world)["pack"]["name"] == pack.name


@pytest.mark.parametrize(
    ("settings", "written", "remarks"),
    [
        (JournalSettings(), False, 0),
        (JournalSettings(chart="skr03"), True, 0),
        (JournalSettings(accounts={"revenue": "8200"}), False, 1),
    ],
)
def test_the_journal_is_written_as_the_company_has_it_or_why_not(
    world: World, settings: JournalSettings, written: bool, remarks: int
) -> None:
    pack = world.pack()
    world.use_cases.pack_finisher = replace(world.use_cases.pack_finisher, journal=settings)
    pack = world.use_cases.pack_finisher.finish(OCTOBER, pack.name)
    names = [file.name for file in pack.files]
    assert {"journal.csv", "journal.beancount"} <= {*names}
    assert ("EXTF_journal_USD.csv" in names, len(pack.remarks)) == (written, remarks)


def test_packs_that_a_close_made_stay_and_of_those_made_later_the_newest_two(world: World) -> None:
    made = []
    for made_for in (MadeFor.CLOSE, *[MadeFor.CHANGE] * 4):
        made.append(world.pack(made_for=made_for))
        world.clock.pass_time(days=1)
    kept = [any(key.startswith(pack.key_of("")) for key in world.documents.objects) for pack in made]
    assert kept == [True, False, False, True, True]
    assert all(world.documents.has(pack.key_of(name)) for pack in (made[0], *made[3:]) for name in pack.names)


def test_removing_an_old_pack_that_broke_off_goes_on_when_the_pack_is_finished_again(world: World) -> None:
    for _ in range(3):
        last = world.pack(made_for=MadeFor.CHANGE)
        world.clock.pass_time(days=1)
    before = dict(world.documents.objects)
    again = world.use_cases.pack_finisher.finish(OCTOBER, last.name)
    assert again.replaces == last.replaces
    assert world.documents.objects.keys() == before.keys()


def written(world: World, name: str) -> list[str]:
    """List what there is of a pack."""
    return [key for key in world.documents.objects if key.startswith(pack_key(OCTOBER, name, ""))]


def a_pack_with_tables(world: World) -> str:
    """Make a pack as far as its last table, and return its name."""
    made = world.use_cases
    plan = made.pack_planner.plan(OCTOBER, MadeFor.PERSON)
    assert made.pack_part_reader.read(plan, 0)
    for table in TABLES.values():
        assert made.pack_table_writer.write(plan, table)
    assert written(world, plan.name)
    return plan.name


def test_the_tables_of_a_pack_that_fails_or_comes_too_late_are_removed_and_the_current_packs_stay(world: World) -> None:
    finisher = world.use_cases.pack_finisher
    failed, late = a_pack_with_tables(world), a_pack_with_tables(world)
    finisher.fail(OCTOBER, "States.Timeout", failed)
    assert written(world, failed) == []
    world.clock.pass_time(seconds=5)
    before = world.pack()
    assert finisher.finish(OCTOBER, late) == before
    assert written(world, late) == []
    world.clock.pass_time(seconds=5)
    newer = world.pack()
    whole = dict(world.documents.objects)
    assert finisher.finish(OCTOBER, before.name) == newer
    finisher.fail(OCTOBER, "States.Timeout", newer.name)
    assert all(
        written(world, pack.name) == [key for key in whole if key.startswith(pack.key_of(""))]
        for pack in (before, newer)
    )


def test_a_pack_that_is_not_whole_is_not_made_the_current_one(world: World) -> None:
    plan = world.use_cases.pack_planner.plan(OCTOBER, MadeFor.PERSON)
    world.use_cases.pack_part_reader.read(plan, 0)
    with pytest.raises(UserMistakeError, match=r"lacks aging, .*customers"):
        world.use_cases.pack_finisher.finish(OCTOBER, plan.name)


def test_a_report_says_that_its_pack_could_not_be_made_until_one_is(world: World) -> None:
    world.use_cases.pack_finisher.fail(OCTOBER, "States.Timeout")
    assert report(world)["pack_failure"]["why"] == "States.Timeout"
    world.clock.pass_time(seconds=1)
    world.pack()
    assert "pack_failure" not in report(world)


def test_a_pack_is_out_of_date_once_money_has_moved(world: World) -> None:
    planner = world.use_cases.pack_planner
    assert planner.is_outdated(OCTOBER), "a month that was closed before there were packs has none"
    world.pack()
    assert not planner.is_outdated(OCTOBER)
    invoice = world.month("customer-0").invoice
    assert invoice
    world.corrector.credit(invoice.number, Money(100, "USD"), "goodwill")
    assert planner.is_outdated(OCTOBER)


def test_a_pack_is_out_of_date_once_the_months_journal_is_final(world: World) -> None:
    planner = world.use_cases.pack_planner
    provisional = world.pack()
    journal = provisional.key_of("journal.beancount")
    assert b"provisional" in world.documents.get(journal)
    world.clock.now = books_end(OCTOBER) - timedelta(seconds=1)
    assert not planner.is_outdated(OCTOBER)
    world.clock.pass_time(seconds=1)
    assert planner.is_outdated(OCTOBER)
    final = world.pack(made_for=MadeFor.CHANGE)
    assert b"Journal of 2026-10: final" in world.documents.get(final.key_of("journal.beancount"))
    world.clock.pass_time(days=1)
    assert not planner.is_outdated(OCTOBER)


def test_a_customer_whose_document_is_missing_or_altered_is_named_and_the_others_are_there(world: World) -> None:
    invoice = world.month("customer-1").invoice
    assert invoice
    place = invoice.document
    content = bytearray(world.documents.get(place.key))
    content[place.offset + 5] ^= 1
    world.documents.objects[place.key] = bytes(content)
    pack = world.pack()
    assert pack.unreadable == (f"{invoice.number}: its document was changed after it was issued",)
    assert len(rows(world, pack, "invoices")) == 3
    assert {row["customer_id"] for row in rows(world, pack, "lines")} == {"customer-0", "customer-2"}
    assert invoice.number in world.documents.get(pack.key_of("index.html")).decode()


def test_the_report_its_page_and_the_mail_warn_of_what_the_figures_lack(world: World) -> None:
    world.finance_email = "finance@example.com"
    invoice = world.month("customer-1").invoice
    assert invoice
    del world.documents.objects[invoice.document.key]
    while_asking_for_payouts(world, lambda: None)
    world.pack()
    unread = "1 customer or document could not be read: the figures and the report pack lack it"
    without = "the payouts of stripe could not be read"
    said = report(world)["pack"]
    assert (said["unreadable_in_all"], said["remarks"]) == (1, [without])
    stored = world.documents.get(report_key(OCTOBER, "html"))
    [mail] = [one for one in world.mailer.sent if one.to == "finance@example.com"]
    for page in (stored.decode(), mail.attachments[0].content.decode(), mail.text, mail.html or ""):
        assert page.count(unread) == page.count(without) == 1
    assert mail.text.index(unread) < mail.text.index("USD invoiced")


def test_a_pack_whose_figures_do_not_tie_with_the_ledger_says_by_how_much(world: World) -> None:
    assert world.pack().remarks == ()
    [(key, entry)] = [
        (key, record)
        for key, record in world.books.records.items()
        if isinstance(record, Entry) and record.entry_id == "invoice" and record.legs[0].minor == 1000
    ]
    world.books.records[key] = replace(entry, legs=tuple(replace(leg, minor=leg.minor * 2) for leg in entry.legs))
    assert world.pack().remarks == ("the figures do not tie: revenue -60.75 USD, in the ledger -70.75 USD",)


def test_no_pack_is_planned_of_a_month_that_is_being_closed_or_never_was(world: World) -> None:
    with pytest.raises(UserMistakeError, match="has not been closed"):
        world.use_cases.pack_planner.plan(OCTOBER.next, MadeFor.PERSON)
    world.open(OCTOBER, "execution-2")
    with pytest.raises(UserMistakeError, match="is being closed"):
        world.use_cases.pack_planner.plan(OCTOBER, MadeFor.PERSON)


class TestMail:
    """Finance is told of the pack of a close."""

    def told(self, world: World) -> list[str]:
        return [mail.subject for mail in world.mailer.sent if mail.to == "finance@example.com"]

    def test_once_with_the_report_attached(self, world: World) -> None:
        world.finance_email = "finance@example.com"
        world.pack()
        world.pack()
        world.pack(made_for=MadeFor.CHANGE)
        assert self.told(world) == ["Month close 2026-10: the books tie"]
        mail = world.mailer.sent[-1]
        [attached] = mail.attachments
        assert attached.name == "month-close-2026-10.html"
        assert b"<html" in attached.content
        assert "invoices.csv" in mail.text
        assert "60.75 USD invoiced" in mail.text

    def test_once_of_the_pack_that_was_begun_later_and_was_faster(self, world: World) -> None:
        world.finance_email = "finance@example.com"
        made = world.use_cases
        plan = made.pack_planner.plan(OCTOBER, MadeFor.CLOSE)
        world.clock.pass_time(seconds=5)
        faster = world.pack(made_for=MadeFor.PERSON)
        assert self.told(world) == []
        for _ in range(2):
            assert made.pack_finisher.finish(OCTOBER, plan.name) == faster
        assert self.told(world) == ["Month close 2026-10: the books tie"]
        assert faster.name in world.mailer.sent[-1].text

    def test_nobody_if_the_settings_name_nobody(self, world: World) -> None:
        before = len(world.mailer.sent)
        world.pack()
        assert len(world.mailer.sent) == before

    def test_a_mail_that_is_refused_is_no_trouble_for_the_pack(self, world: World) -> None:
        world.finance_email = "finance@example.com"
        world.mailer.failures.append(MailRefusedError("MessageRejected"))
        assert world.pack() == current(world)
