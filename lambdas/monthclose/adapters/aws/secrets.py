"""Keys, from Secrets Manager. They never reach a log or an error message."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.domain.invoices.link import LinkKeys
from monthclose.errors import ProviderRefusedError, TryLaterError, UserMistakeError

_CACHE_SECONDS = 300


def api_key(secret_name: str) -> str:
    """Read the `api_key` of a provider's secret.

    Raises
    ------
    ProviderRefusedError
        There is no such secret, or it isn't `{"api_key": "…"}`.
    """
    key = _read(secret_name).get("api_key")
    if not isinstance(key, str) or not key:
        raise ProviderRefusedError(f'the secret {secret_name} must be JSON like {{"api_key": "sk_…"}}')
    return key


def webhook_secrets(secret_name: str) -> list[str]:
    """Read the `webhook_secret` of a provider's secret: a text, or a list of them while one replaces another.

    Raises
    ------
    ProviderRefusedError
        There is no such secret, or no `webhook_secret` in it.
    """
    found = _read(secret_name).get("webhook_secret")
    secrets = [found] if isinstance(found, str) else found
    if not isinstance(secrets, list) or not secrets or not all(isinstance(s, str) and s for s in secrets):
        raise ProviderRefusedError(
            f'the secret {secret_name} needs a "webhook_secret": the text that the provider signs its webhooks with'
        )
    return secrets


class SecretLinkKeys:
    """`LinkSecrets` on one secret: `{"current": "k2", "k1": "…", "k2": "…"}`.

    Read again every few minutes, so that a rotated key is used without a deployment.
    """

    def __init__(self, secret_name: str, now: Callable[[], float] = time.monotonic) -> None:
        self._secret_name, self._now = secret_name, now
        self._read_at = 0.0
        self._keys: LinkKeys | None = None

    def link_keys(self) -> LinkKeys:
        """Return the keys, cached for some minutes."""
        if self._keys is None or self._now() - self._read_at > _CACHE_SECONDS:
            values = _read(self._secret_name)
            current = values.pop("current", None)
            if not isinstance(current, str) or not all(isinstance(key, str) for key in values.values()):
                raise ProviderRefusedError(
                    f'the secret {self._secret_name} must be JSON like {{"current": "k1", "k1": "…"}}'
                )
            try:
                self._keys, self._read_at = LinkKeys(current, values), self._now()
            except UserMistakeError as error:
                raise ProviderRefusedError(f"the secret {self._secret_name}: {error}") from None
        return self._keys


def _read(secret_name: str) -> dict[str, Any]:
    """Read a secret that is a JSON object."""
    try:
        text = client("secretsmanager").get_secret_value(SecretId=secret_name)["SecretString"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure"):
            raise ProviderRefusedError(f"the secret {secret_name} cannot be read ({code}); create it") from None
        raise TryLaterError(f"Secrets Manager is briefly unavailable: {code}") from error
    except BotoCoreError as error:
        raise TryLaterError(f"Secrets Manager cannot be reached: {error}") from error
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    return values if isinstance(values, dict) else {}
