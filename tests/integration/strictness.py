"""The limits of a strict local AWS, as tests read and change them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import httpx

from sandbox.strict.limits import CONTROL_PATH, REFUSED_PATH


def limits_struck(endpoint_url: str) -> dict[str, int]:
    """Return how often each limit of a local AWS struck, by name."""
    return {name: limit["struck"] for name, limit in _ask(endpoint_url, "GET").items()}


def calls_refused(endpoint_url: str) -> dict[str, int]:
    """Return which calls the policies refused, in AWS's words, and how often."""
    answer = httpx.get(f"{endpoint_url}{REFUSED_PATH}", timeout=60, trust_env=False)
    return {
        f"{refusal['principal']}: {refusal['action']} on {refusal['resource']} {refusal['why']}": refusal["times"]
        for refusal in answer.raise_for_status().json()
    }


@contextmanager
def limit_changed(endpoint_url: str, name: str, **change: float | bool) -> Iterator[None]:
    """Have a limit with another `value`, or `on` or off, for as long as the context lasts."""
    before = _ask(endpoint_url, "GET")[name]
    _ask(endpoint_url, "PUT", {name: change})
    try:
        yield
    finally:
        _ask(endpoint_url, "PUT", {name: {part: before[part] for part in ("on", "value")}})


@contextmanager
def plenty_of_mail(endpoint_url: str) -> Iterator[None]:
    """Give the account of a local AWS a larger quota: at SES's usual rate, 1,400 e-mails take two minutes."""
    strict = httpx.get(f"{endpoint_url}{CONTROL_PATH}", timeout=60, trust_env=False).is_success
    with limit_changed(endpoint_url, "ses.send_rate", value=200) if strict else nullcontext():
        yield


def _ask(endpoint_url: str, method: str, body: Any = None) -> dict[str, Any]:
    answer = httpx.request(method, f"{endpoint_url}{CONTROL_PATH}", json=body, timeout=60, trust_env=False)
    listed: dict[str, Any] = answer.raise_for_status().json()
    return listed
