"""`monthclose pay`, `credit`, `payments record`, `hold`, `release`: what support does for one customer."""

import getpass

import pytest

from monthclose.errors import OutcomeUnknownError, ProviderRefusedError
from monthclose.use_cases.closes.snapshot import read_batches
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World


@pytest.fixture(autouse=True)
def _owing(world: World) -> None:
    """A customer whose card was declined for 100.00, is held for it, and has had a working card since."""
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.add_customer("acme", method="ok")


def moved(world: World) -> list[int]:
    return [amount.minor for _, amount in world.gateway.money_moved]


def test_paying_charges_the_open_amount_and_lifts_the_hold(monthclose: Command, world: World) -> None:
    result = monthclose("pay", "acme")

    assert moved(world) == [10_000]
    assert result.stdout.split() == ["2026-10", "100.00", "USD", "2026-10.2/acme", "paid"]
    assert "nothing owed" in result.stderr
    assert world.customer("acme").held_since is None


def test_paying_a_part_charges_that_part(monthclose: Command, world: World) -> None:
    answer = monthclose.json("pay", "acme", "--amount", "12.5", "--json")

    assert moved(world) == [1250]
    assert answer["balance_minor"] == 8750
    [payment] = answer["payments"]
    assert (payment["payment_id"], payment["state"], payment["collected_minor"]) == ("2026-10.2/acme", "paid", 1250)
    assert answer["held_since"]


def test_a_payment_that_is_declined_says_why_and_exits_differently(monthclose: Command, world: World) -> None:
    world.add_customer("acme", method="declined")
    assert "declined (insufficient_funds)" in monthclose("pay", "acme", exit_code=4).stdout


def test_a_payment_whose_outcome_is_unknown_says_not_to_pay_again(monthclose: Command, world: World) -> None:
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("answer lost")]
    assert (
        "not known yet: the provider's answer was lost. Do not pay again"
        in monthclose("pay", "acme", exit_code=4).stdout
    )
    again = monthclose("pay", "acme", exit_code=4).stdout
    assert (
        "nothing was charged; payment 2026-10.2/acme of 100.00 USD by stripe has been under way since 2026-11-01"
        in again
    )
    assert monthclose.json("pay", "acme", "--json", exit_code=4)["under_way"]["payment_id"] == "2026-10.2/acme"
    assert moved(world) == [10_000]


def test_a_provider_that_refuses_us_is_reported_in_one_line(monthclose: Command, world: World) -> None:
    world.gateway.failures["prepare", "before"] = [ProviderRefusedError("Stripe doesn't accept our key")]
    assert "Stripe doesn't accept our key" in monthclose("pay", "acme", exit_code=1).stderr


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        ("12.505", "too many decimals: amounts in USD have at most 2 decimals"),
        ("12,50", "is not an amount"),
        ("0", "more than zero"),
        ("-5", "more than zero"),
    ],
)
def test_an_impossible_amount_is_reported(monthclose: Command, world: World, amount: str, message: str) -> None:
    for command in (
        ["pay", "acme", f"--amount={amount}"],
        ["credit", "acme", f"--amount={amount}", "--reason", "why"],
        ["payments", "record", "acme", f"--amount={amount}", "--reference", "ref"],
    ):
        assert message in monthclose(*command, exit_code=2).stderr
    assert moved(world) == []


def test_money_from_outside_covers_the_open_amount_and_is_booked_once(monthclose: Command, world: World) -> None:
    record = ("payments", "record", "acme", "--amount", "100", "--reference", "SEPA 4711")
    assert "100.00 USD booked as received; nothing owed" in monthclose(*record).stdout
    assert "was already booked for customer acme:" in monthclose(*record, exit_code=2).stderr
    assert world.customer("acme").held_since is None
    assert "nobody" in monthclose("payments", "record", "nobody", *record[3:], exit_code=2).stderr


def test_credit_is_granted_with_a_reason(monthclose: Command) -> None:
    answer = monthclose.json("credit", "acme", "--amount", "120", "--reason", "the outage", "--by", "ada", "--json")
    assert (answer["balance_minor"], answer["credit_minor"]) == (-2000, 2000)
    story = monthclose.json("customer", "acme", "--json")["happened"]
    assert [h["detail"] for h in story if h["kind"] == "credit"] == ["goodwill credit granted: the outage (by ada)"]


@pytest.mark.parametrize(
    ("command", "charged"),
    [
        (["pay", "late"], [5000]),
        (["pay", "late", "--amount", "20"], [2000, 3000]),
        (["payments", "record", "late", "--amount", "20", "--reference", "x"], [3000]),
        (["credit", "late", "--amount", "50", "--reason", "x"], []),
    ],
)
def test_a_change_while_the_charge_is_queued_changes_what_the_close_charges(
    monthclose: Command, world: World, command: list[str], charged: list[int]
) -> None:
    november = OCTOBER.next
    world.clock.pass_time(days=31)
    world.use(world.add_customer("late"), "50", period=november)
    plan = world.planner.plan(november, world.open(november, "execution-2"))
    for batch in read_batches(world.documents, plan.round_key):
        world.generator.generate(november, batch, plan.close.round)

    monthclose(*command)
    for batch in read_batches(world.documents, plan.round_key):
        world.batch_charger.charge(november, batch.number, plan.close.round)

    assert moved(world) == charged
    assert world.customer("late").balance.minor == 0


def test_a_hold_placed_by_a_person_stays_after_payment_until_a_person_lifts_it(
    monthclose: Command, world: World
) -> None:
    assert "on hold" in monthclose("hold", "acme", "--reason", "looks like fraud", "--by", "ada").stdout
    monthclose("pay", "acme")
    assert world.customer("acme").held_by == "ada"
    assert "already on hold, placed by ada" in monthclose("hold", "acme", "--reason", "x", exit_code=2).stderr
    assert "by ada: looks like fraud" in monthclose("customer", "acme").stdout

    monthclose("release", "acme", "--reason", "they called")

    assert world.customer("acme").held_since is None
    changes = [h for h in monthclose.json("customer", "acme", "--json")["happened"] if h["kind"] == "hold"]
    assert [(h["text"], h["detail"]) for h in changes] == [
        ("placed: invoice INV-00000001: insufficient_funds", ""),
        ("placed: looks like fraud", "by ada"),
        ("lifted: they called", f"by {getpass.getuser()}"),
    ]
    assert "is not on hold" in monthclose("release", "acme", "--reason", "x", exit_code=2).stderr


def test_a_hold_needs_a_reason_and_a_customer(monthclose: Command) -> None:
    assert "a reason is needed" in monthclose("hold", "acme", "--reason", " ", exit_code=2).stderr
    assert "there is no customer 'nobody'" in monthclose("hold", "nobody", "--reason", "x", exit_code=2).stderr
    assert (
        "a reference is needed"
        in monthclose("payments", "record", "acme", "--amount", "1", "--reference", "", exit_code=2).stderr
    )


def test_the_story_shows_what_was_paid_by_hand(monthclose: Command) -> None:
    monthclose("pay", "acme")
    texts = [h["text"] for h in monthclose.json("customer", "acme", "--json")["happened"] if h["kind"] == "payment"]
    assert "by hand, 2026-10.2/acme: charging → paid: 100.00 USD collected" in texts


def test_credit_may_be_for_named_skus_and_the_customer_s_page_shows_them(monthclose: Command) -> None:
    granted = ("--amount", "120", "--reason", "the trial", "--sku", "disk", "--sku", "backup")
    told = monthclose("credit", "acme", *granted).stdout
    assert "120.00 USD of goodwill credit granted for disk, backup; 20.00 USD of credit" in told
    assert [g["skus"] for g in monthclose.json("customer", "acme", "--json")["grants"]] == [["disk", "backup"]]
    assert "120.00 USD goodwill of 2026-11-01 for disk, backup" in monthclose("customer", "acme").stdout
    monthclose("pay", "acme")  # it does not pay for what is open
    assert monthclose.json("customer", "acme", "--json")["receivable_minor"] == 0


def test_credit_may_have_a_kind_and_a_last_day_and_the_customer_s_page_shows_it(monthclose: Command) -> None:
    granted = ("--amount", "120", "--reason", "welcome", "--kind", "promotional", "--until", "2027-01-31")
    told = monthclose("credit", "acme", *granted).stdout
    assert "120.00 USD of promotional credit granted, valid until 2027-01-31; 20.00 USD of credit" in told
    answer = monthclose.json("customer", "acme", "--json")
    assert [(g["kind"], g["left_minor"], g["granted_minor"], g["last_day"]) for g in answer["grants"]] == [
        ("promotional", 2_000, 12_000, "2027-01-31")
    ]
    assert "20.00 USD promotional of 2026-11-01, valid until 2027-01-31" in monthclose("customer", "acme").stdout


def test_prepaid_credit_may_have_a_last_day(monthclose: Command) -> None:
    record = ("payments", "record", "acme", "--amount", "150", "--reference", "SEPA 4711", "--until", "2027-12-31")
    assert "150.00 USD booked as received, valid until 2027-12-31" in monthclose(*record).stdout
    [grant] = monthclose.json("customer", "acme", "--json")["grants"]
    assert (grant["kind"], grant["left_minor"]) == ("paid", 5_000)


@pytest.mark.parametrize(
    ("until", "message"),
    [("soon", "use a date like 2027-03-31"), ("2026-10-01", "cannot expire before it is granted")],
)
def test_an_impossible_last_day_is_reported(monthclose: Command, until: str, message: str) -> None:
    command = ("credit", "acme", "--amount", "1", "--reason", "why", "--until", until)
    assert message in monthclose(*command, exit_code=2).stderr


def test_credit_that_expires_within_the_month_is_said_to_pay_for_no_later_month(monthclose: Command) -> None:
    granted = ("--amount", "150", "--reason", "sorry", "--until")
    assert "pays for months up to 2026-10 only" in monthclose("credit", "acme", *granted, "2026-11-20").stderr
    assert "pays for no later" not in monthclose("credit", "acme", *granted, "2026-11-30").stderr


def test_credit_without_a_reason_is_refused(monthclose: Command, world: World) -> None:
    assert "a reason is needed" in monthclose("credit", "acme", "--amount", "1", "--reason", " ", exit_code=2).stderr
    assert world.customer("acme").credit_minor == 0
