"""How payments end, by mandate: magic mandate ids that need no set-up, like Stripe's test payment methods.

A magic id may be followed by ``_`` and any letters and digits (``MD_OK_acme``): each is a mandate and a customer of its
own. Mandates that are created through the API behave as ``MD_OK``. GoCardless itself has no such ids: its sandbox has
scenario simulators instead, which work on one object at a time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to a mandate's payments.

    Attributes
    ----------
    steps : tuple[str, ...]
        The statuses that a payment goes through after ``pending_submission``, if nobody decides otherwise.
    cause : str
        ``details.cause`` of the event of the step that is the bank's doing.
    refused : bool
        Whether the mandate is inactive from the start: no payment can be created.
    approval : bool
        Whether the customer must approve each payment before it is submitted.
    """

    steps: tuple[str, ...]
    cause: str = ""
    refused: bool = False
    approval: bool = False


MAGIC_MANDATES: Mapping[str, Behaviour] = {
    # pays, and the money is paid out
    "MD_OK": Behaviour(("submitted", "confirmed", "paid_out")),
    # the bank says no after submission: worth another attempt
    "MD_FAILS": Behaviour(("submitted", "failed"), "insufficient_funds"),
    # the bank says no after submission: another attempt is of no use
    "MD_CLOSED": Behaviour(("submitted", "failed"), "bank_account_closed"),
    # confirmed first; then the bank reports that there was no money after all
    "MD_LATE_FAILURE": Behaviour(("submitted", "confirmed", "failed"), "refer_to_payer"),
    # confirmed first; then the customer has their bank reverse it
    "MD_CHARGED_BACK": Behaviour(("submitted", "confirmed", "charged_back"), "refund_requested"),
    # the customer's bank reverses it, and then returns it to us after all
    "MD_GIVEN_BACK": Behaviour(("submitted", "confirmed", "charged_back", "confirmed", "paid_out"), "refund_requested"),
    # the customer approves the payment, which is then collected
    "MD_APPROVED": Behaviour(("pending_submission", "submitted", "confirmed", "paid_out"), approval=True),
    # the customer is asked to approve the payment and refuses
    "MD_DENIED": Behaviour(("customer_approval_denied",), approval=True),
    # the customer cancels the mandate, and with it the payment, before it is submitted
    "MD_WITHDRAWN": Behaviour(("cancelled",), "mandate_cancelled"),
    # the mandate was cancelled long ago: creating a payment fails with `mandate_is_inactive`
    "MD_CANCELLED": Behaviour((), refused=True),
}

_MAGIC = re.compile(f"({'|'.join(MAGIC_MANDATES)})(_[A-Za-z0-9]+)?")


def magic(mandate_id: str) -> Behaviour | None:
    """Return the behaviour that a mandate's id stands for; None if it stands for none."""
    match = _MAGIC.fullmatch(mandate_id)
    return MAGIC_MANDATES[match[1]] if match else None
