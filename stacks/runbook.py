"""The sections of the runbook that alarms and the dashboard lead to."""

from enum import StrEnum

PAGE = "docs/runbook.md"


class Section(StrEnum):
    """A section for one or more alarms: symptom, cause, command, and how to see that it helped. Values are anchors."""

    CLOSE_FAILED = "a-close-failed"
    CLOSE_NOT_ENDED = "a-close-has-not-ended"
    APPROVAL = "a-close-waits-for-approval"
    PAUSED = "charging-is-paused"
    MONTH_NOT_CLOSED = "last-month-is-not-being-closed"
    MANY_PARKED = "many-customers-are-parked"
    BOOKS = "the-books-do-not-tie"
    KEY_REFUSED = "a-provider-refuses-our-key"
    CHARGING_WAITS = "charging-waits-for-a-provider"
    DEAD_LETTERS = "a-message-could-not-be-handled"
    COLLECTIONS_FAILED = "the-days-collections-failed"
    RECONCILING_FAILED = "reconciling-fails"
    NO_PACK = "a-report-pack-was-not-made"
    USAGE_NOT_IMPORTED = "a-usage-file-was-not-imported"
    NOT_ARCHIVED = "old-usage-was-not-archived"
    MAIL_BOUNCES = "too-many-e-mails-bounce"
    MAIL_EVENTS_WAIT = "bounces-are-not-being-kept"
    WEBHOOKS_UNTAKEN = "webhooks-are-not-accepted"
    WEBHOOKS_REFUSED = "webhooks-are-refused"
    WEBHOOKS_WAIT = "webhooks-wait"
    EVENTS_LATE = "events-are-late-or-missing"
    FUNCTION_FAILS = "a-function-keeps-failing"
    FUNCTION_THROTTLED = "a-function-lacks-concurrency"
    TABLE_THROTTLED = "a-table-is-throttled"
    LOOP = "lambda-has-stopped-a-loop"

    @property
    def place(self) -> str:
        """Where to read it, from the project's root."""
        return f"{PAGE}#{self}"
