"""What the readers of all providers' webhooks share: headers in any case, signatures, documents."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

from monthclose.errors import WebhookRefusedError


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header, whatever case its name came in.

    Raises
    ------
    WebhookRefusedError
        There is none.
    """
    for given, value in headers.items():
        if given.lower() == name.lower():
            return value
    raise WebhookRefusedError(f"the webhook has no {name}")


def check_signature(secret: str, content: bytes, signatures: Iterable[str]) -> None:
    """Check that one of the signatures is the content's: HMAC with SHA-256, in hexadecimal.

    Raises
    ------
    WebhookRefusedError
        None is.
    """
    expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().encode()
    # All are compared, each in constant time: the duration must not reveal how close a forged one came.
    if not sum(hmac.compare_digest(expected, signature.encode(errors="replace")) for signature in signatures):
        raise WebhookRefusedError("the webhook's signature is not the provider's")


def document(body: bytes) -> dict[str, Any]:
    """Read the body.

    Raises
    ------
    WebhookRefusedError
        It is not a JSON object.
    """
    try:
        read = json.loads(body)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise WebhookRefusedError("the webhook's body is not a JSON object")
    return read
