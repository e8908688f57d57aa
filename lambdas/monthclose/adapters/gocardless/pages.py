"""GoCardless' pages for bank details: a Billing Request for a mandate, and a Billing Request Flow, by its SDK.

The request asks for a mandate and no payment: what is due is charged by us once the mandate exists (GoCardless,
"Billing Requests: Direct Debit Mandates").
"""

from datetime import datetime

import requests
from gocardless_pro import errors
from gocardless_pro.services import BillingRequestFlowsService, BillingRequestsService

from monthclose.adapters.gocardless.http import (
    TIMEOUT_SECONDS,
    Timeout,
    conflicting_resource,
    service_settings,
    translated,
)
from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.adapters.page_marks import page_marks, whose_page
from monthclose.errors import ProviderDownError
from monthclose.ports import BeforeRequest, OpenedPage, PageAnswer, PageOrder, PageState

_LONGEST_KEY = 128
_STATES = {"fulfilled": PageState.GIVEN, "cancelled": PageState.OVER}
"""What a Billing Request's status means (API reference, "Billing Requests"); its other ones lead to these."""


class GoCardlessPages:
    """`HostedPages` on GoCardless' API; see `GoCardlessGateway` for the parameters."""

    provider = "gocardless"
    needs_payer = False

    def __init__(
        self,
        access_token: str,
        base_url: str,
        timeout: Timeout = TIMEOUT_SECONDS,
        session: requests.Session | None = None,
    ) -> None:
        settings = service_settings(base_url, access_token, timeout, session)
        self._requests = BillingRequestsService(*settings)
        self._flows = BillingRequestFlowsService(*settings)

    def open(self, order: PageOrder, before_request: BeforeRequest = lambda: None) -> OpenedPage:
        """Create a Billing Request for a mandate, and a flow in which the customer fulfils it."""
        reference = self._request(order)
        before_request()
        with translated(moves_money=False):
            flow = self._flows.create(
                {
                    "redirect_uri": order.back,
                    "exit_uri": order.back,
                    "links": {"billing_request": reference},
                    **({} if order.payer else {"prefilled_customer": _known(order)}),
                }
            )
        return OpenedPage(reference, str(flow.authorisation_url))

    def _request(self, order: PageOrder) -> str:
        wanted = {
            "mandate_request": {"currency": order.currency},
            "metadata": page_marks(order.customer_id),
            **({"links": {"customer": order.payer}} if order.payer else {}),
        }
        key = idempotency_key(order.customer_id, "page", order.asked_at.isoformat(), longest=_LONGEST_KEY)
        try:
            with translated(moves_money=False):
                return str(self._requests.create(wanted, {"Idempotency-Key": key}).id)
        except errors.IdempotentCreationConflictError as conflict:
            reference = conflicting_resource(conflict)
        if not reference:
            raise ProviderDownError("GoCardless knows the idempotency key, but doesn't say for which request")
        return reference

    def look_up(self, reference: str) -> PageAnswer:
        """Get the Billing Request (`BRQ…`); once it is fulfilled, it names its mandate."""
        with translated(moves_money=False):
            found = self._requests.get(reference)
            state, links = _STATES.get(found.status, PageState.OPEN), found.links
            method = str(links.mandate_request_mandate or "") if state is PageState.GIVEN else ""
            made_at, payer = datetime.fromisoformat(found.created_at), str(links.customer or "")
        if state is PageState.GIVEN and not method:
            state = PageState.OPEN
        return PageAnswer(state, reference, whose_page(found.metadata), method, payer, made_at)


def _known(order: PageOrder) -> dict[str, str]:
    return {"email": order.email, "company_name": order.name}
