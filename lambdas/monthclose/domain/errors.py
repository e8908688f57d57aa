"""Errors in the input or about one customer. Pure: the domain raises these and nothing else."""


class MonthCloseError(Exception):
    """Base of all our errors."""


class UserMistakeError(MonthCloseError):
    """Somebody's input cannot be used. The message is for them: what is wrong and how to fix it."""


class AmountTooLargeError(UserMistakeError):
    """An amount is larger than the books can hold (`money.MOST_MINOR`)."""


class ParkCustomerError(MonthCloseError):
    """This customer cannot be billed until a person acts; the rest of the close continues.

    Parameters
    ----------
    reason : str
        A stable code (`no_price`, `currency_mismatch`, …) that reports count by.
    detail : str
        One sentence for the operator: what is missing and where to fix it.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class IllegalTransitionError(MonthCloseError):
    """A payment's state machine has no such step. Always a defect of ours."""
