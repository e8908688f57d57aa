"""Mail, through SES v2."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from monthclose.adapters.aws.clients import client
from monthclose.domain.notices.sending import SendingQuota
from monthclose.errors import (
    MailRefusedError,
    MonthCloseError,
    OutcomeUnknownError,
    QuotaUsedUpError,
    RateLimitedError,
    TryLaterError,
)
from monthclose.ports import Clock, Mail

_NEVER = {"MessageRejected", "BadRequestException"}
_TOO_FAST = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
"""SES documents the second; its version 2 answers with the first."""
_DAY_USED_UP = "daily message quota exceeded"
"""The message, whose error code differs between the versions of SES (its guide, "Errors related to the sending
quotas")."""


class SesMailer:
    """`Mailer` on SES. The SDK never repeats a send: SES has no idempotency token."""

    def __init__(self, sender: str, configuration_set: str) -> None:
        self._sender = sender
        self._configuration_set = configuration_set

    def wait_for_turn(self) -> None:
        """Wait for nobody: who sends through SES alone keeps to no rate (see `ThrottledMailer`)."""

    def send(self, mail: Mail) -> str:
        """Send one mail; the notice is its tag in the configuration set's events."""
        try:
            answer = client("sesv2", retries=0).send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [mail.to, *mail.others]},
                Content={
                    "Simple": {
                        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": mail.text, "Charset": "UTF-8"},
                            "Html": {"Data": mail.html, "Charset": "UTF-8"},
                        },
                        **_attached(mail),
                    }
                },
                EmailTags=[{"Name": "notice", "Value": mail.tag}],
                ConfigurationSetName=self._configuration_set,
            )
        except ClientError as error:
            raise _translated(error) from error
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise TryLaterError(f"SES cannot be reached: {error}") from error
        except BotoCoreError as error:
            raise OutcomeUnknownError(f"the answer from SES was lost: {error}") from error
        message_id: str = answer["MessageId"]
        return message_id


def _attached(mail: Mail) -> dict[str, Any]:
    files = [
        {"FileName": one.name, "RawContent": one.content, "ContentType": one.content_type} for one in mail.attachments
    ]
    return {"Attachments": files} if files else {}


class SesAccount:
    """`MailAccount` at SES, which answers this question about once a second for the whole account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def quota(self) -> SendingQuota:
        """Ask SES."""
        try:
            found = client("sesv2").get_account()["SendQuota"]
        except (ClientError, BotoCoreError) as error:
            raise TryLaterError(f"SES does not say what may be sent: {error}") from error
        return SendingQuota(found["MaxSendRate"], found["Max24HourSend"], found["SentLast24Hours"], self._clock())

    def look(self) -> SendingQuota:
        """Ask SES: nothing is kept anyway."""
        return self.quota()

    def used_up(self) -> None:
        """Note nothing: SES knows."""


def _translated(error: ClientError) -> MonthCloseError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if "not verified" in message:  # the sender, or any address while the account is in SES' sandbox
        return TryLaterError("SES has not verified the sender's identity, or the account is in its sandbox")
    if _DAY_USED_UP in message.lower():
        return QuotaUsedUpError("SES takes no more e-mails today: the account's quota of 24 hours is used up")
    if code in _TOO_FAST:
        return RateLimitedError(f"SES was sent e-mails too fast: {code}")
    if code in _NEVER:
        return MailRefusedError(code)
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        return OutcomeUnknownError(f"SES answered {code}")
    return TryLaterError(f"SES does not send right now: {code}")
