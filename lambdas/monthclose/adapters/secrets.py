"""Providers' keys, from Secrets Manager. They never reach a log or an error message."""

import json

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.clients import client
from monthclose.errors import ProviderRefusedError, TryLaterError


def api_key(secret_name: str) -> str:
    """Read the `api_key` of a provider's secret.

    Raises
    ------
    ProviderRefusedError
        There is no such secret, or it isn't `{"api_key": "…"}`.
    """
    try:
        text = client("secretsmanager").get_secret_value(SecretId=secret_name)["SecretString"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure"):
            raise ProviderRefusedError(f"the secret {secret_name} cannot be read ({code}); create it") from None
        raise TryLaterError(f"Secrets Manager is briefly unable: {code}") from error
    except BotoCoreError as error:
        raise TryLaterError(f"Secrets Manager cannot be reached: {error}") from error
    try:
        key = json.loads(text)["api_key"]
    except (ValueError, KeyError, TypeError):
        key = None
    if not isinstance(key, str) or not key:
        raise ProviderRefusedError(f'the secret {secret_name} must be JSON like {{"api_key": "sk_…"}}')
    return key
