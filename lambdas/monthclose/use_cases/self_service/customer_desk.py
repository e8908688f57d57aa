"""What a customer asks for by the link to their invoice, for the function that may do it.

The function that the internet reaches passes on the link's token and what was asked for; the token is verified here
again, so that nothing but a link of ours makes anything happen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monthclose.domain.invoices.link import InvoiceLink, LinkExpiredError, LinkRefusedError, verify
from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import OrderRefusedError, OutcomeUnknownError, ProviderRefusedError, TryLaterError
from monthclose.names import CustomerRequest
from monthclose.ports import Books, Clock, LinkSecrets, Log
from monthclose.use_cases.self_service.charge_at_once import ChargesAtOnce
from monthclose.use_cases.self_service.payment_details import DetailsDesk

REFUSED, LATER, UNAVAILABLE, CHECKED = "refused", "later", "unavailable", "checked"
"""Answers besides the states of a payment: the link is not valid; try again; it cannot be done here; looked up."""
_ASK_FOR_DETAILS = frozenset({PaymentState.NO_PAYMENT_METHOD, PaymentState.ACTION_REQUIRED, PaymentState.READY})
"""States in which a charge leaves a customer who is there: only the page for payment details takes them further."""


@dataclass(frozen=True, slots=True)
class CustomerDesk:
    """Does what customers ask for.

    Parameters
    ----------
    secrets : LinkSecrets
        The keys of the links.
    url : str
        Where the links lead: the providers send customers back to theirs.
    """

    secrets: LinkSecrets
    url: str
    books: Books
    clock: Clock
    log: Log
    details: DetailsDesk
    charges: ChargesAtOnce

    def serve(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Do what is asked for.

        Parameters
        ----------
        request : mapping
            The link's `token`, and what is `asked`, a `CustomerRequest`.

        Returns
        -------
        dict
            `to`: where the customer must go; or `said`: how it went.
        """
        try:
            link = verify(request["token"], self.secrets.link_keys(), self.clock())
            back = f"{self.url.rstrip('/')}/{request['token']}?from=provider"
            return self._serve(link, CustomerRequest(request["asked"]), back)
        except (LinkRefusedError, LinkExpiredError):
            return {"said": REFUSED}
        except (TryLaterError, OutcomeUnknownError) as error:
            self.log.warning("a customer's request must wait", extra={"why": type(error).__name__})
            return {"said": LATER}
        except OrderRefusedError as error:
            self.log.warning("the provider has no page for a customer", extra={"code": error.code})
            return {"said": UNAVAILABLE}
        except ProviderRefusedError as error:
            self.log.warning("the provider refuses us", extra={"why": str(error)})
            return {"said": UNAVAILABLE}

    def _serve(self, link: InvoiceLink, asked: CustomerRequest, back: str) -> dict[str, str]:
        match asked:
            case CustomerRequest.DETAILS:
                return {"to": self.details.ask(link.customer_id, back)}
            case CustomerRequest.PAY:
                return self._pay(link, back)
            case CustomerRequest.RETURN:
                return self._return(link)

    def _pay(self, link: InvoiceLink, back: str) -> dict[str, str]:
        tried = self.charges.pay(link.customer_id, link.period, back)
        if tried.confirm_at:
            return {"to": tried.confirm_at}
        if tried.state in _ASK_FOR_DETAILS:
            return {"to": self.details.ask(link.customer_id, back)}
        return {"said": str(tried.state or CHECKED)}

    def _return(self, link: InvoiceLink) -> dict[str, str]:
        """Take what a customer has done on a provider's page, without waiting for the webhook about it."""
        if not self.details.may_look_up(link.customer_id):
            return {"said": CHECKED}
        customer = self.books.customer(link.customer_id)
        if customer and self.details.catch_up(customer):
            self.charges.collect(link.customer_id)
        else:
            self.charges.look_up(link.customer_id, link.period)
        return {"said": CHECKED}
