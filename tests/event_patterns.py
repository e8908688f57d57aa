"""The content filters that AWS applies to a stream's records, as far as the event sources use them."""

from collections.abc import Mapping
from typing import Any


def lets_through(pattern: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Judge a record by a pattern (Lambda's guide, "Filter rule syntax"): every field must have one of the values."""
    for name, wanted in pattern.items():
        found = record.get(name)
        if isinstance(wanted, Mapping):
            if not isinstance(found, Mapping) or not lets_through(wanted, found):
                return False
        elif not any(_is(one, found) for one in wanted):
            return False
    return True


def _is(wanted: Any, found: Any) -> bool:
    match wanted:
        case {"prefix": prefix}:
            return isinstance(found, str) and found.startswith(prefix)
        case {"anything-but": others}:
            return found is not None and found not in others
    return bool(wanted == found)
