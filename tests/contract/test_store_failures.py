"""What a store raises when DynamoDB does not answer."""

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from pynamodb.exceptions import PutError, QueryError, TransactWriteError

from monthclose.adapters.dynamo.failures import translated
from monthclose.errors import TryLaterError

URL = "http://127.0.0.1:1/"


@pytest.mark.parametrize("kind", [QueryError, PutError, TransactWriteError])
@pytest.mark.parametrize("cause", [ReadTimeoutError(endpoint_url=URL), ConnectTimeoutError(endpoint_url=URL)])
def test_an_answer_that_does_not_come_is_a_reason_to_try_later(
    kind: type[QueryError], cause: ReadTimeoutError | ConnectTimeoutError
) -> None:
    with pytest.raises(TryLaterError, match="DynamoDB is briefly unable"), translated():
        raise kind("failed", cause)
