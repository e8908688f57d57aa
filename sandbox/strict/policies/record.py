"""Writes down which calls were made, so that policies can be compared with them."""

import json
import re
import threading
from pathlib import Path


class CallRecord:
    """A file with each different call once: a line of JSON, `[principal, action, resource]`.

    What only tells one call from another of its kind is left out: a session's name, an object's name below its
    folders, an execution's name.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, principal: str, action: str, resource: str) -> None:
        """Write down a call, if it is the first of its kind."""
        call = (role_name(principal), action, without_names(resource))
        with self._lock:
            if call not in self._seen:
                self._seen.add(call)
                with self._file.open("a") as file:
                    file.write(f"{json.dumps(call)}\n")


_FOLDERS = re.compile(r"[^/]+/(?:[a-z_-]+/)+")
"""A bucket and the folders in it that have the same name in every call."""


def role_name(principal: str) -> str:
    """Name the role of a session; other principals by themselves."""
    return principal.split("/")[1] if ":assumed-role/" in principal else principal


def without_names(resource: str) -> str:
    """Leave out of an ARN what changes from call to call."""
    kind = resource.split(":")[2] if resource.startswith("arn:") else ""
    if kind == "s3" and "/" in resource:
        folder = _FOLDERS.match(resource)
        return f"{folder[0]}*" if folder else resource
    if kind == "states" and ":execution:" in resource:
        return f"{resource.rpartition('/' if '/' in resource else ':')[0]}{'/' if '/' in resource else ':'}*"
    return resource
