"""Spans of time as people type them: `8h`, `90min`, `7h30m`."""

import re

from monthclose.domain.errors import UserMistakeError

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(h(?:ours?)?|m(?:in(?:utes?)?)?|s(?:ec(?:onds?)?)?)")
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_LONGEST_DAYS = 30


def parse_span(text: str) -> float:
    """Read a span of time, in seconds.

    Raises
    ------
    UserMistakeError
        It is none, or not between a second and a month.
    """
    written = text.strip().lower().replace(" ", "")
    parts = _PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise UserMistakeError(f"{text!r} is not a span of time; write hours or minutes, like 8h, 90min or 7h30m")
    seconds = sum(float(number) * _SECONDS[unit[0]] for number, unit in parts)
    if not 1 <= seconds <= _LONGEST_DAYS * 86_400:
        raise UserMistakeError(f"{text!r} must be between 1 s and {_LONGEST_DAYS} days")
    return seconds
