"""What is said of errors that are nobody's typing mistake. Knows AWS's, so it is imported only when there is one."""

import os

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from cli.connect import NoSystemError, explain
from cli.home import shown, write_traceback
from cli.refusals import EXPIRED_LOCALLY, known_refusals
from sandbox.aws.local_aws import LocalAwsError


def explained(error: Exception) -> str:
    """Say what is wrong and what to do, in a line or two; of a defect, where its traceback is."""
    if isinstance(error, NoSystemError | LocalAwsError):
        return str(error)
    error = refusal_behind(error) or error
    if isinstance(error, BotoCoreError | ClientError | ResponseParserError):
        return explain(error, os.environ.get("AWS_ENDPOINT_URL", "AWS"))
    said = f"{type(error).__name__}: {error}"
    try:
        return f"{said}\nthis should not happen; the traceback is in {shown(write_traceback(error))}"
    except OSError:
        return f"{said}\nthis should not happen; MONTHCLOSE_DEBUG=1 shows the traceback"


def refusal_behind(error: BaseException | None) -> Exception | None:
    """Find what AWS refuses, or that credentials have expired, behind an error: that is no defect, and doesn't pass.

    PynamoDB keeps what DynamoDB answered in an attribute of its own errors.
    """
    while error is not None:
        cause = getattr(error, "cause", None)
        for found in (error, cause):
            if isinstance(found, EXPIRED_LOCALLY):
                return found
            if isinstance(found, ClientError) and found.response["Error"].get("Code") in known_refusals():
                return found
        error = error.__cause__
    return None
