"""Receipts and statements of account as their pages show them: every text and number formatted."""

from typing import Any

from monthclose.adapters.documents.sheet import Sheet, soft
from monthclose.domain.period import Period
from monthclose.domain.statements.receipt import Receipt
from monthclose.domain.statements.statement import Movement, MovementKind, Statement, days_of

_RECEIPT_WORDS = {
    "bill_to": "Received from",
    "description": "Description",
    "quantity": "Invoice date",
    "unit_price": "Period",
    "amount": "Amount",
}
_STATEMENT_WORDS = {
    "bill_to": "To",
    "day": "Date",
    "description": "Movement",
    "quantity": "Charges",
    "unit_price": "Payments and credits",
    "amount": "Balance",
}
_MOVEMENTS = {
    MovementKind.INVOICE: "Invoice {number}",
    MovementKind.CREDIT_NOTE: "Credit note {number}",
    MovementKind.PAYMENT: "Payment for invoice {number}",
    MovementKind.TRANSFER: "Payment by bank transfer",
    MovementKind.REFUND: "Refund of invoice {number}",
    MovementKind.REVERSAL: "Payment reversed, invoice {number}",
    MovementKind.GRANTED: "Credit granted",
    MovementKind.WITHDRAWN: "Credit withdrawn",
    MovementKind.EXPIRED: "Credit expired",
    MovementKind.WAIVED: "Waived, invoice {number}",
}


def receipt_view(receipt: Receipt, logo: bytes | None) -> dict[str, Any]:
    """Make the template's data of a receipt."""
    return _ReceiptSheet(receipt).view(logo)


def statement_view(statement: Statement, logo: bytes | None) -> dict[str, Any]:
    """Make the template's data of a statement."""
    return _StatementSheet(statement).view(logo)


class _ReceiptSheet(Sheet):
    """A receipt's."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt.seller, receipt.buyer, receipt.currency, receipt.language)
        self.receipt = receipt

    def view(self, logo: bytes | None) -> dict[str, Any]:
        receipt, day = self.receipt, self.locale.day(self.receipt.paid_on)
        heading = self.say("Receipt")
        title = f"{heading} {receipt.payment_id}"
        facts = {"Payment": soft(receipt.payment_id), "Paid on": day, "Customer": soft(receipt.buyer.customer_id)}
        return self.common(heading, title, _RECEIPT_WORDS, logo) | {
            "description": self.say("{title} of {day} for {name}", title=title, day=day, name=receipt.buyer.name),
            "facts": self.labelled(facts),
            "rows": self._rows(),
            "narrow": False,
            "sums": self._sums(),
            "due": self.sum_of(self.say("Amount received"), receipt.kept_minor),
            "notes": [self.say("This receipt confirms a payment. It is not an invoice.")],
            "payment": [],
        }

    def _rows(self) -> list[dict[str, Any]]:
        rows, running = [], 0
        for paid in self.receipt.invoices:
            running += paid.minor
            text = self.say("Payment for invoice {number}", number=paid.number)
            day, month = self.locale.day(paid.issued_on), self.locale.month(paid.period)
            rows.append(self._row(text, day, month, paid.minor, running))
        if credit := self.receipt.to_credit_minor:
            rows.append(self._row(self.say("Added to your credit"), "", "", credit, running + credit))
        return rows

    def _row(self, text: str, day: str, month: str, minor: int, running: int) -> dict[str, Any]:
        amounts = {"amount": self.amount(minor), "running": self.amount(running)}
        return {"text": soft(text), "details": [], "tall": False, "quantity": day, "unit_price": month, **amounts}

    def _sums(self) -> list[dict[str, Any]]:
        receipt = self.receipt
        gone = {"Refunded": receipt.refunded_minor, "Reversed by your bank": receipt.reversed_minor}
        paid = self.sum_of(self.say("Amount paid"), receipt.paid_minor, strong=True)
        return [paid, *(self.sum_of(self.say(label), -minor) for label, minor in gone.items() if minor)]


class _StatementSheet(Sheet):
    """A statement's."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(statement.seller, statement.buyer, statement.currency, statement.language)
        self.statement = statement

    def view(self, logo: bytes | None) -> dict[str, Any]:
        statement = self.statement
        heading = self.say("Statement of account")
        days = self._days()
        facts = {"Period": days, "Customer": soft(statement.buyer.customer_id)}
        name = statement.buyer.name
        return self.common(heading, f"{heading}, {days}", _STATEMENT_WORDS, logo) | {
            "description": self.say("{title} of {day} for {name}", title=heading, day=days, name=name),
            "facts": self.labelled(facts),
            "rows": self._rows(),
            "narrow": False,
            "sums": self._sums(),
            "due": self._due(),
            "notes": [] if statement.movements else [self.say("There were no movements in this period.")],
            "payment": self.payment(statement.closing_minor, statement.buyer.customer_id),
        }

    def _days(self) -> str:
        first, last, locale = self.statement.first, self.statement.last, self.locale
        month = Period(first.year, first.month)
        if (first, last) == days_of(month):
            return locale.days(month)
        return self.say("{first} to {last}", first=locale.day(first), last=locale.day(last))

    def _rows(self) -> list[dict[str, Any]]:
        statement, balance = self.statement, self.statement.opening_minor
        rows = [self._row(self.locale.day(statement.first), self.say("Opening balance"), 0, balance)]
        for movement in statement.movements:
            balance += movement.minor
            rows.append(self._row(self.locale.day(movement.day), self._text(movement), movement.minor, balance))
        return rows

    def _row(self, day: str, text: str, minor: int, balance: int) -> dict[str, Any]:
        return {
            "day": day,
            "text": soft(text),
            "details": [],
            "tall": False,
            "quantity": self.amount(minor) if minor > 0 else "",
            "unit_price": self.amount(-minor) if minor < 0 else "",
            "amount": self.amount(balance),
            "running": self.amount(balance),
        }

    def _text(self, movement: Movement) -> str:
        text = _MOVEMENTS[movement.kind]
        return self.say(text, number=movement.number) if movement.number or "{" not in text else self.say("Refund")

    def _sums(self) -> list[dict[str, Any]]:
        statement, say = self.statement, self.say
        return [
            self.sum_of(say("Opening balance"), statement.opening_minor),
            self.sum_of(say("Charges"), statement.charged_minor),
            self.sum_of(say("Payments and credits"), -statement.settled_minor),
            self.sum_of(say("Closing balance"), statement.closing_minor, strong=True),
        ]

    def _due(self) -> dict[str, Any]:
        closing = self.statement.closing_minor
        label = "You owe" if closing > 0 else "In your favour" if closing < 0 else "Nothing is owed"
        return self.sum_of(self.say(label), abs(closing))
