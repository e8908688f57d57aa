"""The money desk at the other end of a call: requests and answers are JSON, and both ends are here, side by side.

A payment is answered by its name and read from the books by whoever asked: amounts stay where they are decided.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from monthclose.domain.closes.proof import Comparison, Finding
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey
from monthclose.domain.payments.refund import RefundKind
from monthclose.domain.period import Period
from monthclose.errors import (
    BeingChargedError,
    BrokeOffError,
    MonthCloseError,
    ProviderRefusedError,
    TryLaterError,
    UnfinishedError,
    UserMistakeError,
)
from monthclose.ports import Books, Tell
from monthclose.use_cases.audit.record_act import ActRecorder
from monthclose.use_cases.invoices.refund_payment import GivenBack, RefundWanted
from monthclose.use_cases.invoices.write_off_invoice import WrittenOff
from monthclose.use_cases.reconciliation.money_desk import MoneyDesk, Paid, ProviderSettled
from monthclose.use_cases.reconciliation.reconcile_period import Reconciled, comparison_content
from monthclose.use_cases.reconciliation.recorded_desk import RecordedDesk, amount_of, find_request
from monthclose.use_cases.reconciliation.settle_payments import Settled

type Json = Mapping[str, Any]
type Ask = Callable[[Json], Json]
"""Sends a request to the function, and returns its answer."""

_TOLD: tuple[type[MonthCloseError], ...] = (
    *(BeingChargedError, UnfinishedError, TryLaterError),
    *(UserMistakeError, ProviderRefusedError),
)
"""Errors that mean something to whoever asked, the narrower ones first. Any other one is a failure of the function."""


def _say_nothing(_: str) -> None:
    """Tell nobody of the progress: the answer comes when all is done."""


def serve(desk: MoneyDesk, request: Json, acts: ActRecorder, *, only: Collection[str] | None = None) -> dict[str, Any]:
    """Do what a person asked for in the audit trail; an error that is meant for a person is an answer, too.

    Parameters
    ----------
    only : collection of str or None
        The commands that may be asked for here; all of them, if None.

    Raises
    ------
    UserMistakeError
        There is no such command: the command is of another release than the function.
    """
    commands: Mapping[str, Callable[[MoneyDesk, Json], dict[str, Any]]] = {
        "pay": _pay,
        "settle": _settle,
        "finish": _finish,
        "reconcile": _reconcile,
        "refund": _refund,
        "write_off": _write_off,
    }
    try:
        if request["command"] not in (commands if only is None else only):
            raise UserMistakeError(f"this deployment knows no command {request['command']!r}: deploy this release")
        return commands[request["command"]](RecordedDesk(desk, find_request(acts, request)), request)
    except _TOLD as error:
        kind = next(kind for kind in _TOLD if isinstance(error, kind))
        return {"error": kind.__name__, "message": str(error)}


def _pay(desk: MoneyDesk, request: Json) -> dict[str, Any]:
    paid = desk.pay(request["customer_id"], amount_of(request["limit"]))
    return {
        "made": [payment.payment_id for payment in paid.made],
        "under_way": paid.under_way.payment_id if paid.under_way else "",
    }


def _refund(desk: MoneyDesk, request: Json) -> dict[str, Any]:
    asked = {name: request[name] for name in ("target", "reason", "by")}
    done = desk.refund(RefundWanted(**asked, amount=amount_of(request["amount"]), kind=RefundKind(request["kind"])))
    return {"payment": done.payment.payment_id, "number": done.refund.number}


def _write_off(desk: MoneyDesk, request: Json) -> dict[str, Any]:
    amount, mail = amount_of(request["amount"]), request["mail"]
    done = desk.write_off(request["target"], amount, request["reason"], by=request["by"], mail=mail)
    invoice = done.invoice
    named = {"customer_id": invoice.customer_id, "period": str(invoice.period), "entry": done.entry.entry_id}
    return {**named, "minor": done.amount.minor, "currency": done.amount.currency, "again": done.again}


def _settle(desk: MoneyDesk, request: Json) -> dict[str, Any]:
    done = desk.settle(request["provider"], everyone=request["everyone"], tell=_say_nothing)
    settled = _settled_content(done.settled) if done.settled else None
    return {"drained": done.drained, "settled": settled, "findings": [asdict(finding) for finding in done.findings]}


def _finish(desk: MoneyDesk, request: Json) -> dict[str, Any]:
    return _settled_content(desk.finish(request["provider"], _say_nothing))


def _reconcile(desk: MoneyDesk, request: Json) -> dict[str, Any]:
    done = desk.reconcile(Period.parse(request["period"]), request["providers"], _say_nothing)
    return {"comparisons": [comparison_content(each) for each in done.comparisons], "report": done.report}


@dataclass(frozen=True, slots=True)
class RemoteMoneyDesk:
    """`MoneyDesk` by a function.

    Parameters
    ----------
    by : str
        Who asks: the function logs it.
    act, secret : str
        The name of the act that asks for it in the audit trail, and the secret that it was sealed with.
    """

    ask: Ask
    books: Books
    by: str
    act: str
    secret: str

    def pay(self, customer_id: str, limit: Money | None) -> Paid:
        """Ask for it, and read the payments.

        Raises
        ------
        BrokeOffError
            The answer was lost. A repetition would charge a part of what is open once more.
        """
        try:
            answer = self._ask("pay", customer_id=customer_id, limit=_content(limit))
        except BrokeOffError as error:
            if limit is None:
                raise
            why, _, _ = str(error).partition("\n")
            see = f"`monthclose customer {customer_id}` shows what was charged: the same command would charge up to"
            raise BrokeOffError(f"{why}\n{see} {limit} more") from error
        under_way = self._payment(answer["under_way"]) if answer["under_way"] else None
        return Paid([self._payment(payment_id) for payment_id in answer["made"]], under_way)

    def refund(self, wanted: RefundWanted) -> GivenBack:
        """Ask for it, and read the payment.

        Raises
        ------
        BrokeOffError
            The answer was lost. The same command again continues the refund, if it is under way; one that was done
            meanwhile would be made once more.
        """
        asked = wanted._asdict() | {"amount": _content(wanted.amount), "kind": wanted.kind.value, "by": self.by}
        try:
            answer = self._ask("refund", **{name: value for name, value in asked.items() if name != "by"})
        except BrokeOffError as error:
            why, _, _ = str(error).partition("\n")
            raise BrokeOffError(
                f"{why}\n`monthclose customer` shows what was refunded; look before you ask again"
            ) from error
        payment = self._payment(answer["payment"])
        return GivenBack(payment, next(each for each in payment.refunds if each.number == answer["number"]))

    def write_off(self, number: str, amount: Money | None, reason: str, *, by: str, mail: bool) -> WrittenOff:  # noqa: ARG002
        """Ask for it, and read the invoice; a repetition writes off nothing more."""
        answer = self._ask("write_off", target=number, amount=_content(amount), reason=reason, mail=mail)
        month = self.books.month(answer["customer_id"], Period.parse(answer["period"]))
        entry = next((entry for entry in month.entries if entry.entry_id == answer["entry"]), None)
        if month.invoice is None or entry is None:
            raise TryLaterError(f"{number} can no longer be read")
        return WrittenOff(month.invoice, Money(answer["minor"], answer["currency"]), entry, answer["again"])

    def settle(self, provider: str, *, everyone: bool, tell: Tell) -> ProviderSettled:
        """Ask for it, again and again until the function had time for all that is due.

        With `everyone` it asks once: a second call would begin with the first customers again.
        """
        tell(f"{provider}: settling")
        done = self._settle(provider, everyone=everyone)
        while not everyone and done.settled and done.settled.time_was_up:
            tell(f"{provider}: {done.settled.states.total():,} payments checked")
            done = done.and_then(self._settle(provider, everyone=False))
        return done

    def _settle(self, provider: str, *, everyone: bool) -> ProviderSettled:
        answer = self._ask("settle", provider=provider, everyone=everyone)
        settled = _settled(answer["settled"]) if answer["settled"] else None
        return ProviderSettled(answer["drained"], settled, [Finding(**found) for found in answer["findings"]])

    def finish(self, provider: str, tell: Tell) -> Settled:
        """Ask for it."""
        tell(f"{provider}: finishing batches")
        return _settled(self._ask("finish", provider=provider))

    def reconcile(self, period: Period, providers: Collection[str], tell: Tell) -> Reconciled:
        """Ask for it, again and again until the function had time for all of it."""
        tell(f"{period}: comparing the books")
        answer = None
        while answer is None:
            with suppress(UnfinishedError):
                answer = self._ask("reconcile", period=str(period), providers=list(providers))
        return Reconciled([_comparison(each) for each in answer["comparisons"]], answer["report"])

    def _ask(self, command: str, **arguments: object) -> Json:
        asked = {"command": command, "by": self.by, "act": self.act, "secret": self.secret}
        answer = self.ask({**asked, **arguments})
        if "error" in answer:
            kinds = {kind.__name__: kind for kind in _TOLD}
            raise kinds[answer["error"]](answer["message"])
        return answer

    def _payment(self, payment_id: str) -> Payment:
        key = PaymentKey.parse(payment_id)
        payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence) if key else None
        if payment is None:
            raise TryLaterError(f"payment {payment_id} can no longer be read")
        return payment


def _content(amount: Money | None) -> dict[str, Any] | None:
    return None if amount is None else {"minor": amount.minor, "currency": amount.currency}


def _settled_content(settled: Settled) -> dict[str, Any]:
    findings = [asdict(finding) for finding in settled.findings]
    counted = {name: getattr(settled, name) for name in ("provider", "left", "waiting", "batches", "paused")}
    return {**counted, **settled.counts(), "findings": findings}


def _settled(entry: Json) -> Settled:
    findings = [Finding(**found) for found in entry["findings"]]
    counts = {name: Counter[str](entry[name]) for name in ("states", "errors")}
    return Settled(**{**entry, **counts, "findings": findings})


def _comparison(entry: Json) -> Comparison:
    fields = {name: value for name, value in entry.items() if name != "ties"}
    return Comparison(
        **{
            **fields,
            "period": Period.parse(entry["period"]),
            "compared_at": datetime.fromisoformat(entry["compared_at"]),
            "findings": tuple(Finding(**found) for found in entry["findings"]),
        }
    )
