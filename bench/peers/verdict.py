"""What came of a round, by the provider's and the mail server's records. Shares no code with any contestant.

Everything is computed from what the harness knows by itself: who owes what, which transfers a contestant said it had
recorded, and when.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.peers.contestant import Booked
from bench.peers.month import Person
from bench.peers.trouble import Transfer

IN_FLIGHT_SECONDS = 5
"""A transfer that is recorded so shortly before a charge is made has crossed it: the request was on its way.

It is more than three calls of the provider take (99 in 100 take less than 1.3 s each).
"""


@dataclass(slots=True)
class Verdict:
    """The offences, each a sentence.

    Attributes
    ----------
    charged_twice : list of str
        Customers from whom the provider collected more than once.
    stale_amount : list of str
        Charges of more than was owed, by what had been recorded five seconds before.
    never_charged : list of str
        Customers with a good card who still owe something.
    books_differ : list of str
        Customers whose month in the contestant's books is not what happened.
    crossed : list of str
        Charges that a transfer crossed. No offence: nobody can help it.
    overcharged_minor : int
        What the offences took too much, in minor units.
    """

    charged_twice: list[str] = field(default_factory=list)
    stale_amount: list[str] = field(default_factory=list)
    mailed_twice: list[str] = field(default_factory=list)
    never_charged: list[str] = field(default_factory=list)
    not_mailed: list[str] = field(default_factory=list)
    books_differ: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    overcharged_minor: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a round left behind.

    Attributes
    ----------
    movements : sequence of mapping
        The provider's record of money that moved.
    mails : sequence of str
        The recipients, one for each message.
    """

    people: Sequence[Person]
    movements: Sequence[Mapping[str, Any]]
    transfers: Sequence[Transfer]
    mails: Sequence[str]
    books: Mapping[str, Booked]


def judge(evidence: Evidence) -> Verdict:
    """Go through the customers, one by one."""
    verdict = Verdict()
    moved: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for movement in evidence.movements:
        moved[movement["customer"]].append(movement)
    sent: defaultdict[str, list[Transfer]] = defaultdict(list)
    for transfer in evidence.transfers:
        sent[transfer.customer_id].append(transfer)
    mails = Counter(evidence.mails)
    for person in evidence.people:
        _judge_money(verdict, person, moved[person.payer], sent[person.customer_id])
        _judge_mail(verdict, person, mails[person.email])
        _judge_books(verdict, person, moved[person.payer], sent[person.customer_id], evidence.books)
    return verdict


def _judge_money(
    verdict: Verdict, person: Person, moved: Sequence[Mapping[str, Any]], sent: Sequence[Transfer]
) -> None:
    charges = [movement for movement in moved if movement["kind"] == "charge"]
    if len(charges) > 1:
        verdict.charged_twice.append(f"{person.customer_id} was charged {[charge['amount'] for charge in charges]}")
        verdict.overcharged_minor += sum(charge["amount"] for charge in charges[1:])
    for charge in charges[:1]:
        # The provider's time is in whole seconds: the charge was made within the second that begins then.
        known = sum(one.minor for one in sent if one.recorded_at <= charge["created"] - IN_FLIGHT_SECONDS)
        crossing = sum(one.minor for one in sent if one.recorded_at <= charge["created"] + 1) - known
        words = f"{person.customer_id} owed {person.owes}, had sent {known} (and {crossing} a moment before)"
        if charge["amount"] > person.owes - known:
            verdict.stale_amount.append(f"{words}: charged {charge['amount']}")
            verdict.overcharged_minor += charge["amount"] - (person.owes - known)
        elif charge["amount"] > person.owes - known - crossing:
            verdict.crossed.append(f"{words}: charged {charge['amount']}")
    left = person.owes - sum(one.minor for one in sent) - sum(movement["amount"] for movement in moved)
    if left > 0 and person.can_pay:
        verdict.never_charged.append(f"{person.customer_id} still owes {left}")


def _judge_mail(verdict: Verdict, person: Person, mails: int) -> None:
    if mails > 1:
        verdict.mailed_twice.append(f"{person.customer_id} got {mails} e-mails")
    if not mails:
        verdict.not_mailed.append(f"{person.customer_id} got no e-mail")


def _judge_books(
    verdict: Verdict,
    person: Person,
    moved: Iterable[Mapping[str, Any]],
    sent: Iterable[Transfer],
    books: Mapping[str, Booked],
) -> None:
    happened = Booked(person.owes, sum(one["amount"] for one in moved), sum(one.minor for one in sent))
    booked = books.get(person.customer_id, Booked(0, 0, 0))
    if booked != happened:
        verdict.books_differ.append(f"{person.customer_id}: booked {booked}, happened {happened}")
