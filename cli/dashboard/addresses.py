"""The addresses of pages that other pages lead to."""

from urllib.parse import quote, urlencode

from monthclose.domain.month import Notice


def customer_path(customer_id: str) -> str:
    """Where a customer's page is. Ids may hold any character, a slash too."""
    return f"/customers/{quote(customer_id, safe='')}"


def invoice_path(number: str) -> str:
    """Where the page of an invoice or a credit note is."""
    return f"/invoices/{quote(number, safe='')}"


def mail_path(notice: Notice, part: str = "") -> str:
    """Where an e-mail's page is; `part` is `/html` for the e-mail alone."""
    named = {"customer": notice.customer_id, "period": str(notice.period), "step": notice.step}
    return f"/mail{part}?{urlencode(named)}"


def list_path(name: str, **filters: str) -> str:
    """Where a list is, limited by some of its filters."""
    return f"/lists/{name}?{urlencode(filters)}" if filters else f"/lists/{name}"
