"""What the limits of a strict local AWS have struck."""

import httpx

from sandbox.strict.limits import CONTROL_PATH


def limits_struck(endpoint_url: str) -> dict[str, int]:
    """Return how often each limit of a local AWS struck, by name."""
    listed = httpx.get(f"{endpoint_url}{CONTROL_PATH}", trust_env=False).raise_for_status().json()
    return {name: limit["struck"] for name, limit in listed.items()}
