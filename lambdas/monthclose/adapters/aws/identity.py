"""Who calls: STS."""

from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from monthclose.domain.audit import Caller
from monthclose.errors import TryLaterError

_QUICK = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})


def caller_of(session: Any) -> Caller:
    """Ask whose credentials a botocore session has; no permission is needed for it.

    Raises
    ------
    TryLaterError
        STS cannot be reached, or the credentials are not good.
    """
    try:
        answer = session.create_client("sts", config=_QUICK).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise TryLaterError(f"AWS does not say whose credentials these are: {error}") from error
    return Caller(answer["UserId"], answer["Arn"])
