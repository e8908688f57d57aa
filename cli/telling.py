"""What a customer is told of a correction: one e-mail per credit note, and a line about what became of it."""

from collections.abc import Mapping
from typing import Annotated

import typer

from cli.console import note
from cli.system import System
from monthclose.domain.credit_note import CreditNote
from monthclose.domain.month import NoticeState
from monthclose.errors import ProviderRefusedError, TryLaterError
from monthclose.stages.tell_credit_note import CreditNoteTeller

NoMail = Annotated[bool, typer.Option("--no-mail", help="Send the customer no e-mail about it.")]

_IN_WORDS: Mapping[NoticeState, str] = {
    NoticeState.SENT: "told by e-mail",
    NoticeState.REFUSED: "not told: the mail service does not take their address",
    NoticeState.CLAIMED: "the e-mail may have been sent or not: nobody is written to twice on a guess",
}


def tell_customer(system: System, credit_note: CreditNote) -> NoticeState:
    """Send the customer the e-mail of a booked credit note, once, and say in a line what became of it.

    The credit note stands whatever happens here. What surely was not sent (`WITHDRAWN`) is sent when called again.
    """
    who = credit_note.customer_id
    try:
        teller = CreditNoteTeller(system.books, system.mailer(), system.notice_texts(), system.clock)
        state = teller.tell(credit_note)
    except (TryLaterError, ProviderRefusedError) as error:
        note(f"{who}: not told yet: {error}\n{credit_note.number} stands; the same command again sends the e-mail")
        return NoticeState.WITHDRAWN
    note(f"{who}: {_IN_WORDS[state]}", "" if state is NoticeState.SENT else "yellow")
    return state
