"""How much may be given up by hand: refunded or written off, of one invoice, by whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money

GIVING_BACK = frozenset({"refund", "write_off"})
"""What a role with limits may ask a function for."""


class Role(StrEnum):
    """By which policy a person may ask: IAM decides which function they can call, and each has one role."""

    OPERATE = "operate"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class HandLimits:
    """What a role may refund and write off of one invoice, all of its refunds and write-offs together.

    Parameters
    ----------
    most_minor : mapping
        By currency, in minor units; `default` is for the others. In a currency without a limit *operate* may give up
        nothing, *money* everything.
    """

    role: Role = Role.MONEY
    most_minor: Mapping[str, int] = field(default_factory=dict)

    def check(self, amount: Money, already: Money, invoice: str) -> None:
        """Refuse what is beyond the limit.

        Parameters
        ----------
        already : Money
            What was refunded and written off of the invoice by hand before.

        Raises
        ------
        UserMistakeError
            It is more than that.
        """
        unnamed = None if self.role is Role.MONEY else 0
        most = self.most_minor.get(amount.currency, self.most_minor.get("default", unnamed))
        if most is None or (amount + already).minor <= most:
            return
        before = f" ({already} was before)" if already else ""
        raise UserMistakeError(
            f"{self.role} may refund and write off at most {Money(most, amount.currency)} of an invoice: {amount} of "
            f"{invoice}{before} is more" + ("; ask somebody with the policy money" if unnamed == 0 else "")
        )
