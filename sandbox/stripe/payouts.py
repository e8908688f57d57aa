"""Payouts: what is available is sent to the account's bank each working day (Stripe docs, "Payouts", "Reconciliation").

The schedule is automatic and daily. Nobody need let time pass for it: whoever asks finds the payouts of all working
days that have gone by since, each with the time at which it was made. A currency whose balance is not above zero
waits.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox.stripe.account import Account, Call, Command, NothingSuchError, NotPossibleError
from sandbox.stripe.balance import BalanceTransaction, Category, Entry, Kind
from sandbox.stripe.payout_objects import Payout
from sandbox.stripe.shelf import Page, read_bounds, read_page
from sandbox.wire import JSON
from sandbox.working_days import after_working_days, report_on, working_day

_STATUSES = ("pending", "paid", "failed", "canceled", "in_transit")
_ARRIVES_AFTER = 1
"""Working days until a payout is on the bank account ("Payouts": standard payouts)."""


def catch_up(account: Account) -> None:
    """Make the payouts that are due by the account's clock, and tell of those that arrived. Hold the account's lock."""
    now, ready = account.now(), _ready(account)
    for moment in sorted({_moment(row) for row in ready}):
        if moment <= now:
            _pay(account, moment, (row for row in ready if row.payout is None and row.available_on <= moment))
    for payout in account.payouts.all():
        if not payout.told and payout.status == "paid":
            payout.told = True
            account.emit("payout.paid", payout.to_json())


def _ready(account: Account) -> list[BalanceTransaction]:
    """Return what a payout could have: everything but bank debits that are still on their way."""
    charges = ((row, account.charges.find(row.source)) for row in account.unpaid.values())
    return [row for row, charge in charges if charge is None or charge.settled]


def _moment(row: BalanceTransaction) -> int:
    """Return the first payout that could have it: on a working day, once it is available."""
    day = working_day(datetime.fromtimestamp(row.available_on, UTC).date())
    moment = report_on(day)
    return int(moment if moment >= row.available_on else report_on(after_working_days(day, 1)))


def _pay(account: Account, moment: int, available: Iterable[BalanceTransaction]) -> list[Payout]:
    by_currency = defaultdict[str, list[BalanceTransaction]](list)
    for row in available:
        by_currency[row.currency].append(row)
    return [
        _make(account, moment, currency, rows)
        for currency, rows in sorted(by_currency.items())
        if sum(row.net for row in rows) > 0
    ]


def _make(account: Account, moment: int, currency: str, rows: list[BalanceTransaction]) -> Payout:
    payout = Payout(
        id=account.ids.new("po_"),
        created=moment,
        amount=sum(row.net for row in rows),
        currency=currency,
        arrival_date=int(report_on(after_working_days(datetime.fromtimestamp(moment, UTC).date(), _ARRIVES_AFTER))),
        clock=account.now,
    )
    taken = _book(account, payout, "payout", "payout", -payout.amount, moment)
    payout.balance_transaction = taken.id
    for row in (*rows, taken):
        row.payout = payout.id
        account.unpaid.pop(row.id, None)
    account.payouts.add(payout)
    for kind in ("payout.created", "payout.reconciliation_completed"):
        account.emit(kind, payout.to_json())
    return payout


def _book(
    account: Account, payout: Payout, kind: Kind, category: Category, amount: int, moment: int
) -> BalanceTransaction:
    entry = Entry(kind, category, payout.id, amount, payout.currency, "STRIPE PAYOUT")
    made = BalanceTransaction(account.ids.new("txn_"), moment, entry, amount, payout.currency, None, 0, account.now)
    return account.keep(made)


def pay_out_now() -> Command:
    """Pay out all that has been collected at once, where Stripe would wait for days; returns the payouts."""

    def command(account: Account) -> JSON:
        catch_up(account)
        ready = _ready(account)
        for row in ready:
            row.available_at = min(row.available_on, account.now())
        made = _pay(account, account.now(), ready)
        return {"payouts": [payout.to_json() for payout in made]}

    return command


def fail(reference: str, code: str) -> Command:
    """Let the account's bank send a payout back, also days after it arrived; returns the payout.

    The money is in the balance again, and goes out with the next payout.
    """

    def command(account: Account) -> JSON:
        catch_up(account)
        payout = account.payouts.find(reference)
        if payout is None:
            raise NothingSuchError(f"there is no payout {reference}")
        if payout.failure_code is not None:
            raise NotPossibleError(f"{payout.id} has failed already")
        payout.failure_code = code
        back = _book(account, payout, "payout_failure", "payout_reversal", payout.amount, account.now())
        account.unpaid[back.id] = back
        payout.failure_balance_transaction = back.id
        account.emit("payout.failed", payout.to_json())
        return payout.to_json()

    return command


def retrieve(call: Call) -> Command:
    """Retrieve a payout."""

    def command(account: Account) -> JSON:
        catch_up(account)
        return account.payouts.get(call.ids["payout"]).to_json()

    return command


def list_all(call: Call) -> Command:
    """List payouts, also by status, by their arrival or by where they went."""
    page, status = read_page(call.params), call.params.choice("status", *_STATUSES)
    destination, arrival = call.params.text("destination"), read_bounds(call.params, "arrival_date")
    arrives = Page(0, None, None, arrival)

    def wanted(payout: Payout) -> bool:
        return (
            status in (None, payout.status)
            and destination in (None, f"ba_sandbox_{payout.currency}")
            and arrives.covers(payout.arrival_date)
        )

    def command(account: Account) -> JSON:
        catch_up(account)
        return account.payouts.page(page, "/v1/payouts", where=wanted)

    return command
