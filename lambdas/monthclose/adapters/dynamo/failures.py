"""DynamoDB's errors, translated into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException, TransactWriteError

from monthclose.errors import ConflictError, RecordRefusedError, TryLaterError

_LOST_RACES = {"ConditionalCheckFailed", "TransactionConflict"}
_NEVER = {"ItemCollectionSizeLimitExceeded", "ValidationError", "ValidationException"}
_PASSING = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise `ConflictError` for a lost race, `TryLaterError` for what passes, `RecordRefusedError` for what does not.

    Other errors pass through.

    A write whose answer was lost may have happened. Its caller finds out: every write is conditional, so repeating it
    conflicts, and reading again shows the write.
    """
    try:
        yield
    except PynamoDBException as error:
        answered = isinstance(error.cause, ClientError)  # without an answer, PynamoDB fails to read its own cause
        code = error.cause_response_code if answered else None
        reasons = set()
        if isinstance(error, TransactWriteError) and answered:
            reasons = {reason.code for reason in error.cancellation_reasons if reason}
        if code == "ConditionalCheckFailedException" or reasons & _LOST_RACES:
            raise ConflictError("somebody else changed the item first") from error
        if code in _NEVER or reasons & _NEVER:
            raise RecordRefusedError(f"DynamoDB cannot store that: {error.cause_response_message}") from error
        if code in _PASSING or isinstance(error.cause, BotoCoreError):
            raise TryLaterError(f"DynamoDB is briefly unavailable: {code or error.cause}") from error
        raise
    except ClientError as error:  # of a call without PynamoDB
        code = error.response.get("Error", {}).get("Code")
        if code in _PASSING:
            raise TryLaterError(f"DynamoDB is briefly unavailable: {code}") from error
        raise
    except BotoCoreError as error:
        raise TryLaterError(f"DynamoDB cannot be reached: {error}") from error
