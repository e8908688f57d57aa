"""One customer's page: how they stand, what support may say, their money over time, and all that happened."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cli.commands.customer import balance_in_words, happenings
from cli.dashboard.addresses import customer_path, mail_path
from cli.dashboard.context import Dashboard, NotFoundError, dashboard_of
from cli.dashboard.customer_story import (
    balance_chart,
    invoice_rows,
    mail_rows,
    payment_rows,
    state_of,
)
from cli.dashboard.rendering import render
from cli.dashboard.sent_mails import as_sent, notice_of
from cli.dashboard.support import support_says
from cli.who import addresses_of, references_of
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth, Notice
from monthclose.domain.period import Period

_MOST_SHOWN = 200
"""Of a long history the newest; the command `monthclose customer` has all."""
_OF_A_MAIL: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox",
    "X-Frame-Options": "SAMEORIGIN",
}
"""An e-mail has its own styles, and is shown within a page of ours: it can run no script, and lead nowhere."""


def show(request: Request) -> Response:
    """Show a customer."""
    dashboard, customer = dashboard_of(request), _customer(request, request.path_params["customer_id"])
    ports = dashboard.system.ports
    months, now = ports.books.months(customer.customer_id), ports.clock()
    story = happenings(dashboard.system, customer.customer_id)
    return render(
        request,
        "customer.html.j2",
        section="lists",
        customer=customer,
        addresses=addresses_of(customer.profile),
        references=references_of(customer),
        state=state_of(customer),
        balance=balance_in_words(customer),
        grants=[(Money(minor, customer.currency), grant) for grant, minor in customer.grants],
        says=support_says(
            customer,
            months,
            ports.settings.dunning,
            dashboard.system.today,
            can_charge=customer.profile.payment_provider in ports.settings.providers,
        ),
        chart=balance_chart(customer, months, now),
        invoices=invoice_rows(months),
        payments=payment_rows(months),
        mails=mail_rows(months),
        story=story[::-1][:_MOST_SHOWN],
        story_left_out=max(len(story) - _MOST_SHOWN, 0),
    )


def mail(request: Request) -> Response:
    """Show an e-mail as it looked: its head, and its body in a frame."""
    dashboard, customer, months, notice = _notice(request)
    sent, failed = None, ""
    try:
        sent = as_sent(dashboard.system, customer, months, notice)
    except UserMistakeError as error:
        failed = str(error)
    return render(
        request,
        "mail.html.j2",
        section="lists",
        customer=customer,
        customer_path=customer_path(customer.customer_id),
        notice=notice,
        mail=sent,
        failed=failed,
        body=mail_path(notice, "/html"),
    )


def mail_body(request: Request) -> Response:
    """Send an e-mail's HTML alone, which can do nothing."""
    dashboard, customer, months, notice = _notice(request)
    return HTMLResponse(as_sent(dashboard.system, customer, months, notice).html, headers=_OF_A_MAIL)


def _customer(request: Request, customer_id: str) -> Customer:
    found = dashboard_of(request).system.ports.books.customer(customer_id)
    if found is None:
        raise NotFoundError(f"there is no customer {customer_id!r} (ids are case-sensitive, as imported)")
    return found


def _notice(request: Request) -> tuple[Dashboard, Customer, Mapping[Period, CustomerMonth], Notice]:
    asked = request.query_params
    customer, dashboard = _customer(request, asked.get("customer", "")), dashboard_of(request)
    months = dashboard.system.ports.books.months(customer.customer_id)
    try:
        notice = notice_of(months, Period.parse(asked.get("period", "")), asked.get("step", ""))
    except UserMistakeError:
        notice = None
    if notice is None:
        raise NotFoundError("there is no such e-mail")
    return dashboard, customer, months, notice


ROUTES = (
    Route("/customers/{customer_id:path}", show),
    Route("/mail", mail),
    Route("/mail/html", mail_body),
)
