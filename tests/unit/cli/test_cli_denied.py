"""What a person is told whose credentials do not allow a command."""

from botocore.exceptions import ClientError
from pynamodb.exceptions import TransactWriteError

from cli.failures import explained


def test_a_transaction_that_is_not_allowed_says_which_right_is_missing() -> None:
    message = "User: kim is not authorized to perform: dynamodb:PutItem on resource: customers"
    cause = ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "TransactWriteItems")
    said = explained(TransactWriteError("Failed to write transaction items", cause))
    assert message in said
    assert "this should not happen" not in said
