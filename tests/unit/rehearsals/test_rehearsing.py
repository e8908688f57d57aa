"""A rehearsal drafts every invoice as the close would, and writes nothing but documents and its own record."""

from datetime import UTC, datetime

import pytest

from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.money import Money
from monthclose.domain.rehearsals.comparison import NEW, SAME, UP
from monthclose.domain.rehearsals.rehearsal import RehearsalStatus
from monthclose.errors import TryLaterError
from monthclose.settings import CloseSettings
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.rehearsals.judge_rehearsal import gone_key
from monthclose.use_cases.rehearsals.rehearse_batch import read_pairs
from tests.unit.rehearsals.rehearsing import EVERYBODY, SEPTEMBER, add_wrong_fee, remove, tables, use_unpriced, world_of
from tests.world import OCTOBER


def test_a_rehearsal_writes_nothing_but_documents_of_its_own() -> None:
    world = world_of("10.00", "250.00", "0.40", policy=InvoicingPolicy({"default": 100}))
    use_unpriced(world, "parked", 5)
    world.add_customer("nothing")
    before, objects = tables(world), set(world.documents.objects)
    rehearsal = world.rehearse()
    assert tables(world) == before
    assert rehearsal.status is RehearsalStatus.COMPLETED
    new = set(world.documents.objects) - objects
    own = (f"rehearsals/{OCTOBER}/0001/", f"snapshots/{OCTOBER}/rehearsal-1")
    assert new
    assert all(key.startswith(own) for key in new)


def test_credit_that_has_expired_stays_on_the_account_and_is_missing_from_the_draft() -> None:
    world = world_of("10.00", "20.00")
    world.at(datetime(2026, 10, 2, tzinfo=UTC))
    last_day = datetime(2026, 10, 15, tzinfo=UTC)
    world.cashier.credit("c-0", Money(300, "USD"), "welcome", GrantKind.PROMOTIONAL, last_day)
    world.at(datetime(2026, 11, 1, tzinfo=UTC))
    before = tables(world)
    rehearsal = world.rehearse()
    assert tables(world) == before
    drafts = b"".join(world.documents.objects[f"{rehearsal.folder}drafts-0000{n}.jsonl"] for n in (0, 1))
    assert b"c-0" in drafts
    assert b"credits" not in drafts
    world.close()
    assert world.customer("c-0").credit_minor == 0


def test_a_rehearsal_compares_with_the_last_month_and_says_who_is_new_and_who_is_gone() -> None:
    world = world_of("10.00", "20.00", "30.00")
    world.use("c-0", "5.00", event_id="more")
    world.use(world.add_customer("new"), "1.00")
    remove(world, "c-2")
    rehearsal = world.rehearse()
    compared = world.use_cases.rehearsal_reader.comparison(rehearsal)
    assert rehearsal.last_period == SEPTEMBER
    by = {name: compared.group(name, "USD").customers for name in (UP, SAME, NEW, "gone")}
    assert by == {UP: 1, SAME: 1, NEW: 1, "gone": 1}
    [(now, last)] = read_pairs(world.documents, gone_key(rehearsal, 0))
    assert (now, last and last.customer_id) == (None, "c-2")


def test_a_rehearsal_can_be_repeated_and_each_is_numbered() -> None:
    world = world_of("10.00")
    first, second = world.rehearse(), world.rehearse()
    assert (first.number, second.number) == (1, 2)
    drafts = [world.documents.objects[f"{of.folder}drafts-00000.jsonl"] for of in (first, second)]
    assert drafts[0] == drafts[1]


def test_a_batch_that_could_not_be_drafted_is_drafted_in_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of("10.00", "20.00")
    rehearser = world.use_cases.batch_rehearser
    failing = iter([TryLaterError("DynamoDB is throttling")])

    def put(key: str, *arguments: object, real: object = world.documents.put) -> None:
        if "batch-00001" in key and (error := next(failing, None)):
            raise error
        real(key, *arguments)  # type: ignore[operator]

    monkeypatch.setattr(world.documents, "put", put)
    assert rehearser
    rehearsal = world.rehearse()
    assert (rehearsal.round, rehearsal.undrafted, rehearsal.drafted) == (2, 0, 2)


def test_a_rehearsal_with_batches_that_can_never_be_drafted_ends_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of("10.00", "20.00", close_settings=CloseSettings(max_rounds=2))

    def put(key: str, *arguments: object, real: object = world.documents.put) -> None:
        if "batch-00001" in key:
            raise TryLaterError("DynamoDB is throttling")
        real(key, *arguments)  # type: ignore[operator]

    monkeypatch.setattr(world.documents, "put", put)
    rehearsal = world.rehearse()
    assert (rehearsal.status, rehearsal.undrafted) == (RehearsalStatus.INCOMPLETE, 1)
    with pytest.raises(UserMistakeError, match="1 batch could not be drafted"):
        world.approve()


def test_a_month_that_is_not_over_is_rehearsed_with_the_usage_so_far_and_cannot_be_approved() -> None:
    world = world_of("10.00").at(datetime(2026, 10, 20, tzinfo=UTC))
    assert world.rehearse().so_far
    with pytest.raises(UserMistakeError, match="usage so far: 2026-10 was not over yet"):
        world.approve()


def test_a_month_that_has_not_begun_cannot_be_rehearsed() -> None:
    world = world_of("10.00").at(datetime(2026, 9, 30, tzinfo=UTC))
    with pytest.raises(UserMistakeError, match="has not begun"):
        world.rehearse()


def test_while_a_close_runs_its_month_cannot_be_rehearsed() -> None:
    world = world_of("10.00")
    world.open()
    with pytest.raises(UserMistakeError, match="2026-10 is being closed"):
        world.rehearse()


def test_a_second_rehearsal_at_the_same_time_finds_the_first() -> None:
    world = world_of("10.00")
    world.workflow.running.add("one")
    opener = world.use_cases.rehearsal_opener
    assert opener.rehearse(OCTOBER, "one").outcome == "opened"
    assert opener.rehearse(OCTOBER, "two").outcome == "already_running"
    assert opener.rehearse(OCTOBER, "one").rehearsal.number == 1


def test_a_close_that_begins_ends_the_rehearsal_of_its_month() -> None:
    world = world_of("10.00")
    world.workflow.running.add("one")
    begun = world.use_cases.rehearsal_opener.rehearse(OCTOBER, "one")
    world.clock.pass_time(seconds=1)
    world.close()
    with pytest.raises(UserMistakeError, match="a close of 2026-10 has begun meanwhile"):
        world.draft_all(begun.rehearsal)


def test_the_rehearsal_of_a_closed_month_shows_what_is_left_to_bill() -> None:
    world = world_of("10.00", "20.00")
    world.close()
    world.clock.pass_time(hours=1)
    before = tables(world)
    rehearsal = world.rehearse()
    assert rehearsal.drafted == 0
    assert world.use_cases.rehearsal_reader.comparison(rehearsal).group(SAME, "USD").customers == 2
    assert tables(world) == before


def test_time_that_runs_out_loses_nothing() -> None:
    world = world_of("10.00", "20.00", "30.00")
    remove(world, "c-2")
    whole = world.use_cases.rehearsal_reader.comparison(world.rehearse())
    world.workflow.running.add("slow")
    rehearsal = world.use_cases.rehearsal_opener.rehearse(OCTOBER, "slow").rehearsal
    made = world.use_cases
    while (drafting := made.rehearsal_planner.plan(OCTOBER, rehearsal.number, None, lambda: True)).unfinished:
        for batch in read_batches(world.documents, drafting.key):
            made.batch_rehearser.rehearse(OCTOBER, rehearsal.number, batch)
    ticks = iter(range(100))
    calls = 1
    while made.rehearsal_judge.judge(OCTOBER, rehearsal.number, lambda: next(ticks) % 2 == 1).outcome == "time_was_up":
        calls += 1
    assert calls > 1
    found = world.rehearsals.get(OCTOBER)
    assert found
    assert made.rehearsal_reader.comparison(found) == whole


def test_the_wrong_fee_shows_in_the_rehearsal_as_one_finding() -> None:
    world = world_of("10.00", "20.00", "30.00", "40.00", rules=EVERYBODY)
    add_wrong_fee(world)
    rehearsal = world.rehearse()
    [finding] = world.use_cases.rehearsal_reader.findings(rehearsal)
    assert "Support" in finding.text
    assert "4 of 4 customers" in finding.text
