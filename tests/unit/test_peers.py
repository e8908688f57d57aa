"""The harness of `make bench-peers` finds every offence, and nothing else: on a month that is made up here."""

import os
import random
import smtplib
import subprocess
import sys
import threading
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from bench.peers.contestant import Booked, Part
from bench.peers.mail_server import mail_server
from bench.peers.meter import family
from bench.peers.month import Month, Person, make_month
from bench.peers.table import as_markdown
from bench.peers.trouble import BankTransfers, Transfer, ending_after
from bench.peers.verdict import Evidence, Verdict, judge
from tests.chaos.mischief import Mischief

NOON = 1_790_000_000
ADA = Person("ada", "ada@customers.example", "cus_ada", "pm_card_visa", 1000)
BOB = Person("bob", "bob@customers.example", "cus_bob", "pm_card_chargeDeclinedInsufficientFunds", 700)


def charge(payer: str, amount: int, at: int = NOON, kind: str = "charge") -> dict[str, Any]:
    return {"kind": kind, "customer": payer, "amount": amount, "created": at}


FINE = Evidence(
    people=[ADA, BOB],
    movements=[charge("cus_ada", 1000)],
    transfers=[],
    mails=[ADA.email, BOB.email],
    books={"ada": Booked(1000, 1000, 0), "bob": Booked(700, 0, 0)},
)


def offences(verdict: Verdict) -> dict[str, int]:
    lists = {name: getattr(verdict, name) for name in Verdict.__slots__ if name != "overcharged_minor"}
    return {name: len(found) for name, found in lists.items() if found}


def test_a_month_in_which_everybody_was_charged_and_written_to_once_is_clean() -> None:
    assert offences(judge(FINE)) == {}
    assert judge(FINE).overcharged_minor == 0


def test_a_second_charge_is_found_also_when_it_was_refunded() -> None:
    moved = [charge("cus_ada", 1000), charge("cus_ada", 1000), charge("cus_ada", -1000, kind="refund")]
    verdict = judge(replace(FINE, movements=moved))
    assert offences(verdict) == {"charged_twice": 1}
    assert verdict.overcharged_minor == 1000


def test_a_charge_of_what_had_been_sent_before_is_stale_and_one_that_a_transfer_crossed_is_not() -> None:
    books = {"ada": Booked(1000, 1000, 400), "bob": Booked(700, 0, 0)}
    before = replace(FINE, transfers=[Transfer("ada", 400, NOON - 6.0)], books=books)
    assert offences(judge(before)) == {"stale_amount": 1}
    assert judge(before).overcharged_minor == 400
    crossing = replace(FINE, transfers=[Transfer("ada", 400, NOON - 2.0)], books=books)
    assert offences(judge(crossing)) == {"crossed": 1}
    afterwards = replace(FINE, transfers=[Transfer("ada", 400, NOON + 2.0)], books=books)
    assert offences(judge(afterwards)) == {}


def test_a_charge_of_what_a_transfer_left_open_is_right_and_one_of_less_leaves_the_customer_owing() -> None:
    sent = [Transfer("ada", 400, NOON - 60.0)]
    books = {"ada": Booked(1000, 600, 400), "bob": Booked(700, 0, 0)}
    rest = replace(FINE, movements=[charge("cus_ada", 600)], transfers=sent, books=books)
    assert offences(judge(rest)) == {}
    less = replace(rest, movements=[charge("cus_ada", 500)], books={**books, "ada": Booked(1000, 500, 400)})
    assert offences(judge(less)) == {"never_charged": 1}


def test_who_paid_everything_by_transfer_need_not_be_charged_and_a_bad_card_is_nobodys_fault() -> None:
    sent = [Transfer("ada", 1000, NOON - 60.0)]
    books = {"ada": Booked(1000, 0, 1000), "bob": Booked(700, 0, 0)}
    assert offences(judge(replace(FINE, movements=[], transfers=sent, books=books))) == {}
    nobody = replace(FINE, movements=[], books={**books, "ada": Booked(1000, 0, 0)})
    assert offences(judge(nobody)) == {"never_charged": 1}


def test_mail_that_came_twice_or_never_is_found() -> None:
    assert offences(judge(replace(FINE, mails=[ADA.email, ADA.email]))) == {"mailed_twice": 1, "not_mailed": 1}


@pytest.mark.parametrize("booked", [Booked(1000, 0, 0), Booked(900, 1000, 0), Booked(1000, 1000, 5), None])
def test_books_that_say_something_else_than_what_happened_are_found(booked: Booked | None) -> None:
    books = {"bob": Booked(700, 0, 0)} | ({"ada": booked} if booked else {})
    assert offences(judge(replace(FINE, books=books))) == {"books_differ": 1}


def test_the_mail_server_keeps_a_message_only_once_it_has_all_of_it() -> None:
    with mail_server() as server:
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = "Your invoice", "billing@example.com", ADA.email
        message.set_content("A line\n.\nand another\n")
        with smtplib.SMTP(server.host, server.port) as client:
            client.send_message(message)
            client.send_message(message)
        broken = smtplib.SMTP(server.host, server.port)
        broken.ehlo()
        broken.mail("billing@example.com")
        broken.rcpt(BOB.email)
        broken.putcmd("data")
        broken.getreply()
        broken.send(b"half a mess")
        broken.close()
        with smtplib.SMTP(server.host, server.port) as client:
            client.noop()
    assert server.recipients == [ADA.email, ADA.email]


def test_the_files_say_what_each_customer_owes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.peers.month._register", lambda names, *_: {name: f"cus_{name}" for name in names})
    month = make_month(tmp_path, 40, 1, "http://127.0.0.1:1", "sk_test_sandbox")
    assert sum(not person.can_pay for person in month.people) == 2
    assert {person.customer_id: person.owes for person in month.people} == totals(month)


def totals(month: Month) -> dict[str, int]:
    lines = [line.split(",") for line in month.prices.read_text().splitlines()[1:]]
    prices = {sku: round(float(price) * 100) for sku, _, price, _ in lines}
    found: dict[str, int] = {}
    for line in month.usage.read_text().splitlines()[1:]:
        _, customer, sku, quantity, _ = line.split(",")
        found[customer] = found.get(customer, 0) + int(quantity) * prices[sku]
    return found


def test_a_process_counts_with_its_descendants_but_not_with_those_that_are_counted_by_themselves() -> None:
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert family([Part("parent", parent.pid)]) == {parent.pid: "parent", child: "parent"}
        assert family([Part("parent", parent.pid), Part("child", child)]) == {parent.pid: "parent", child: "child"}
        os.kill(child, 9)


class Accounts:
    """A contestant and its provider, as far as transfers go."""

    def __init__(self) -> None:
        self.collected: list[dict[str, Any]] = []
        self.busy: set[str] = set()
        self.booked: list[str] = []

    def charges(self) -> list[dict[str, Any]]:
        return self.collected

    def record_transfer(self, customer_id: str, minor: int, reference: str) -> bool:
        if customer_id in self.busy:
            return False
        self.booked.append(customer_id)
        return True


def test_transfers_come_as_the_charges_go_on_from_people_who_were_not_charged_yet() -> None:
    people = [Person(f"c{n}", f"c{n}@customers.example", f"cus_{n}", "pm_card_visa", 100 + n) for n in range(40)]
    accounts = Accounts()
    transfers = BankTransfers(accounts, accounts, people, seed=1)  # type: ignore[arg-type]
    rng = random.Random(1)
    assert transfers.step(rng) is None
    for number, person in enumerate(people):
        accounts.collected.append(charge(person.payer, 1))
        transfers.step(rng)
        assert len(transfers.recorded) <= 6 * (number + 1) / len(people) + 1
    paid_by_card = {person.customer_id for person in people[:10]}
    assert 3 <= len(transfers.recorded) <= 6
    assert not paid_by_card & {one.customer_id for one in transfers.recorded[2:]}


def test_a_transfer_that_is_refused_is_recorded_later_also_once_its_customer_was_charged() -> None:
    people = [Person(f"c{n}", f"c{n}@customers.example", f"cus_{n}", "pm_card_visa", 100 + n) for n in range(7)]
    accounts = Accounts()
    accounts.busy = {person.customer_id for person in people}
    transfers = BankTransfers(accounts, accounts, people, seed=1)  # type: ignore[arg-type]
    accounts.collected.append(charge("cus_none", 1))
    assert transfers.step(random.Random(1)) == "transfers refused for the moment"
    accounts.collected += [charge(person.payer, 1) for person in people]
    accounts.busy = set()
    transfers.finish()
    assert accounts.booked == [one.customer_id for one in transfers.recorded]
    assert len(accounts.booked) == 1


def test_the_trouble_ends_when_it_has_lasted_long_enough_while_the_close_goes_on() -> None:
    calmed, mischief = threading.Event(), Mischief(seed=1)

    class Fake:
        def calm(self) -> None:
            calmed.set()

    mischief.every(0.001, lambda _rng: "a fault")
    with ending_after(0.05, mischief, Fake()):  # type: ignore[arg-type]
        assert calmed.wait(20)
        assert mischief.done["a fault"]


def test_the_tables_have_a_column_for_each_contestant() -> None:
    verdict = dict.fromkeys(Verdict.__slots__, 0)
    calm = {
        "times_the_bound": 1.04,
        "seconds_to_last_charge": 41.6,
        "refused_429": 3,
        "requests_per_customer": 2.0,
        "cpu_ms_per_customer": {"worker": 30.0, "PostgreSQL": 4.4},
        "peak_mb": 1200,
        "others_share": 0.31,
        "verdict": verdict,
    }
    faults = {"verdict": {**verdict, "charged_twice": 12}, "done": {"processes killed": 9}, "faults": {}, "runs": 2}
    run = {"customers": 1000, "rate": 25}
    table = as_markdown(
        {"calm": run | {"contestants": {"a": calm, "b": calm}}, "faults": run | {"contestants": {"a": faults}}}
    )
    assert "| time to the last charge, of the limit's bound | 1.04 x (42 s) | 1.04 x (42 s) |" in table
    assert "| CPU per customer | 34 ms (30 worker + 4 PostgreSQL) |" in table
    assert "| charged twice | 12 |" in table
