"""The gateway's port as it is about to be: replaced by monthclose.ports with the next rebase."""

from dataclasses import dataclass
from datetime import datetime

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.ports import InProgress, NotCollected, Refused


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    payment_id: str
    attempt: int
    amount: Money
    invoice_number: str
    period: Period
    customer_id: str
    provider_customer: str
    payment_method: str
    since: datetime
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    amount: Money
    refunded_minor: int = 0
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TakenBack:
    code: str
    request_id: str = ""


ChargeOutcome = Collected | TakenBack | Refused | InProgress


@dataclass(frozen=True, slots=True)
class Answer:
    reference: str
    outcome: ChargeOutcome | NotCollected
