"""What is said of errors that are nobody's typing mistake. Knows AWS's, so it is imported only when there is one."""

import os

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from cli.connect import NoSystemError, explain
from cli.home import shown, write_traceback
from sandbox.aws.local_aws import LocalAwsError


def explained(error: Exception) -> str:
    """Say what is wrong and what to do, in a line or two; of a defect, where its traceback is."""
    if isinstance(error, NoSystemError | LocalAwsError):
        return str(error)
    error = _refusal_in(error) or error
    if isinstance(error, BotoCoreError | ClientError | ResponseParserError):
        return explain(error, os.environ.get("AWS_ENDPOINT_URL", "AWS"))
    said = f"{type(error).__name__}: {error}"
    try:
        return f"{said}\nthis should not happen; the traceback is in {shown(write_traceback(error))}"
    except OSError:
        return f"{said}\nthis should not happen; MONTHCLOSE_DEBUG=1 shows the traceback"


def _refusal_in(error: Exception) -> ClientError | None:
    """Find in an error of PynamoDB's that AWS does not allow the person what the command needs: that is no defect."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, ClientError) and cause.response["Error"].get("Code") == "AccessDeniedException":
        return cause
    return None
