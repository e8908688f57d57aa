"""Errors, grouped by what the caller must do. Adapters translate every foreign error into one of these.

Names that Step Functions matches (`ErrorEquals` in statemachines/) are class names of this module; a test
holds the two together.
"""

from monthclose.domain.errors import (
    AmountTooLargeError,
    IllegalTransitionError,
    MonthCloseError,
    ParkCustomerError,
    UserMistakeError,
)

__all__ = [
    "AmountTooLargeError",
    "BeingChargedError",
    "BrokeOffError",
    "ChargingPausedError",
    "ConflictError",
    "IllegalTransitionError",
    "MailRefusedError",
    "MethodReplacedError",
    "MonthCloseError",
    "NobodyWaitsError",
    "ObjectBusyError",
    "OrderInvalidError",
    "OrderRefusedError",
    "OutcomeUnknownError",
    "ParkCustomerError",
    "PayerGoneError",
    "ProviderDownError",
    "ProviderPausedError",
    "ProviderRefusedError",
    "QuotaUsedUpError",
    "RateLimitedError",
    "RecordRefusedError",
    "TryLaterError",
    "UserMistakeError",
    "WebhookRefusedError",
]


class TryLaterError(MonthCloseError):
    """A service is briefly unavailable (throttled, network down). Nothing happened; the same call may succeed later."""


class UnfinishedError(TryLaterError):
    """Time was up before all was done; what was done is kept, and the same call continues."""


class ConflictError(TryLaterError):
    """A condition on an item failed: somebody else changed it first. Read again and decide again."""


class RecordRefusedError(MonthCloseError):
    """The store can never hold a record as it is (too large, a number of too many digits). Nothing was written."""


class BeingChargedError(TryLaterError):
    """Another payment of the customer is under way, perhaps a bank debit that takes days. Nothing happened."""


class RateLimitedError(TryLaterError):
    """The provider answered that we send too many requests. Nothing happened."""


class QuotaUsedUpError(TryLaterError):
    """The mail service takes no more e-mails of the account's today. Nothing happened."""


class ObjectBusyError(TryLaterError):
    """The provider answered that one object is busy: another request is using it, or too many requests asked for it.

    Nothing happened. It concerns this payment alone: the provider is healthy, and nothing else need wait.
    """


class ProviderDownError(TryLaterError):
    """The provider cannot be reached or fails, and the call surely moved no money."""


class ProviderPausedError(TryLaterError):
    """No requests are sent to the provider for now: it is down, or its limit has no room in time. Nothing happened."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds
        """After how long it is worth trying again."""


class ChargingPausedError(ProviderPausedError):
    """A person has paused charging: nothing new is charged until a person resumes it. Nothing happened."""


class OutcomeUnknownError(MonthCloseError):
    """A provider call broke off after it may have taken effect. Never start again before finding out whether it did."""


class ProviderRefusedError(MonthCloseError):
    """The provider refuses us altogether (key missing, revoked, wrong account). A person must fix the settings."""


class BrokeOffError(MonthCloseError):
    """The work is half done; the same call completes it."""


class NobodyWaitsError(MonthCloseError):
    """The task that asked for the work has timed out or was stopped, and the work is half done. Keep no answer to it.

    Whoever wants the rest asks again.
    """


class MailRefusedError(MonthCloseError):
    """The mail service will never accept this mail (its address is invalid)."""


class OrderRefusedError(MonthCloseError):
    """The provider refuses this charge; `code` says why, in its words. Nothing was collected."""

    def __init__(self, code: str, request_id: str = "", advice: str = "", card_brand: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.request_id = request_id
        self.advice = advice
        """What the provider advises about another attempt, in its words."""
        self.card_brand = card_brand


class MethodReplacedError(OrderRefusedError):
    """The provider has replaced this payment method by another, `method`. Nothing was collected."""

    def __init__(self, code: str, method: str, request_id: str = "") -> None:
        super().__init__(code, request_id)
        self.method = method


class OrderInvalidError(OrderRefusedError):
    """We asked for something that the provider cannot do: our data or settings are wrong; the customer is not at fault.

    No customer may be told that they did not pay, or be put on hold, because of this.
    """


class PayerGoneError(OrderInvalidError):
    """The provider does not know the customer to be charged (any more). Nothing was collected."""

    def __init__(self, code: str, request_id: str = "", *, deleted: bool) -> None:
        super().__init__(code, request_id)
        self.deleted = deleted
        """Whether they were deleted there; otherwise the id is wrong, or belongs to another account."""


class WebhookRefusedError(MonthCloseError):
    """The webhook is not from the provider, or cannot be read. Nothing in it may be trusted."""
