"""What a store raises when DynamoDB does not answer."""

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from pynamodb.exceptions import CancellationReason, PutError, QueryError, TransactWriteError, VerboseClientError

from monthclose.adapters.dynamo.failures import translated
from monthclose.errors import RecordRefusedError, TryLaterError

URL = "http://127.0.0.1:1/"


@pytest.mark.parametrize("kind", [QueryError, PutError, TransactWriteError])
@pytest.mark.parametrize("cause", [ReadTimeoutError(endpoint_url=URL), ConnectTimeoutError(endpoint_url=URL)])
def test_a_missing_answer_is_a_reason_to_try_later(
    kind: type[QueryError], cause: ReadTimeoutError | ConnectTimeoutError
) -> None:
    with pytest.raises(TryLaterError, match="DynamoDB is briefly unavailable"), translated():
        raise kind("failed", cause)


def answered(code: str, message: str, *reasons: str) -> VerboseClientError:
    """An answer of DynamoDB's, with the reasons that a transaction was cancelled for."""
    cancelled = [CancellationReason(reason, message) if reason else None for reason in reasons]
    return VerboseClientError({"Error": {"Code": code, "Message": message}}, "call", cancellation_reasons=cancelled)


@pytest.mark.parametrize(
    "error",
    [
        PutError("failed", answered("ValidationException", "Number overflow. Attempting to store a number with ...")),
        PutError("failed", answered("ValidationException", "Item size has exceeded the maximum allowed size")),
        TransactWriteError("failed", answered("TransactionCanceledException", "no", "", "ValidationError")),
        TransactWriteError("failed", answered("TransactionCanceledException", "no", "ItemCollectionSizeLimitExceeded")),
    ],
)
def test_a_record_dynamodb_can_never_store_is_told_from_a_passing_failure(error: PutError | TransactWriteError) -> None:
    with pytest.raises(RecordRefusedError, match="DynamoDB cannot store that"), translated():
        raise error
