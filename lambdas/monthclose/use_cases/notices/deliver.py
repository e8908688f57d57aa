"""Deliver a notice: claimed before it is sent, marked afterwards.

The mail service has no idempotency, so a notice whose sender died after the claim is not sent again on a guess; the
report warns of it.
"""

from dataclasses import replace

from monthclose.domain.month import Notice, NoticeState
from monthclose.errors import ConflictError, MailRefusedError, OutcomeUnknownError, TryLaterError
from monthclose.ports import Books, Mail, Mailer


def deliver(books: Books, mailer: Mailer, claim: Notice, mail: Mail) -> Notice | None:
    """Claim a notice, send its mail, and return it as it is then; None if somebody else has claimed it.

    Nothing is sent to an address that takes no e-mails (see `Customer.reached_for`). All others get the one e-mail.

    Parameters
    ----------
    claim : Notice
        In state CLAIMED, with the version that was read.

    Raises
    ------
    TryLaterError
        The mail service is briefly unavailable; the claim is withdrawn.
    """
    if not mail.to:
        claim = replace(claim, state=NoticeState.UNREACHABLE)
    if mail.others:
        claim = replace(claim, recipients=" ".join((mail.to, *mail.others)).lower())
    try:
        books.commit(claim)
    except ConflictError:
        return None
    claimed = replace(claim, version=claim.version + 1)
    if not mail.to:
        return claimed
    try:
        message_id = mailer.send(mail)
    except MailRefusedError as error:
        done = replace(claimed, state=NoticeState.REFUSED, message_id=str(error))
    except TryLaterError:
        books.commit(replace(claimed, state=NoticeState.WITHDRAWN))
        raise
    except OutcomeUnknownError:
        return claimed
    else:
        done = replace(claimed, state=NoticeState.SENT, message_id=message_id)
    try:
        books.commit(done)
    except ConflictError:
        return claimed  # what became of the mail is known already, and kept
    return replace(done, version=done.version + 1)
