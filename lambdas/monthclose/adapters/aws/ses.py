"""Mail, through SES v2."""

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from monthclose.adapters.aws.clients import client
from monthclose.errors import MailRefusedError, OutcomeUnknownError, TryLaterError
from monthclose.ports import Mail

_NEVER = {"MessageRejected", "BadRequestException"}


class SesMailer:
    """`Mailer` on SES. The SDK never repeats a send: SES has no idempotency token."""

    def __init__(self, sender: str, configuration_set: str) -> None:
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, mail: Mail) -> str:
        """Send one mail; the notice is its tag in the configuration set's events."""
        try:
            answer = client("sesv2", retries=0).send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [mail.to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": mail.text, "Charset": "UTF-8"},
                            "Html": {"Data": mail.html, "Charset": "UTF-8"},
                        },
                    }
                },
                EmailTags=[{"Name": "notice", "Value": mail.tag}],
                ConfigurationSetName=self._configuration_set,
            )
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if "not verified" in message:  # the sender, or any address while the account is in SES' sandbox
                raise TryLaterError(
                    "SES has not verified the sender's identity, or the account is in its sandbox"
                ) from None
            if code in _NEVER:
                raise MailRefusedError(code) from error
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise OutcomeUnknownError(f"SES answered {code}") from error
            raise TryLaterError(f"SES does not send right now: {code}") from error
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise TryLaterError(f"SES cannot be reached: {error}") from error
        except BotoCoreError as error:
            raise OutcomeUnknownError(f"the answer from SES was lost: {error}") from error
        message_id: str = answer["MessageId"]
        return message_id
