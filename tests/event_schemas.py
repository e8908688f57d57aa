"""The schemas of the events, and a check that an event is as its schema says: for every event that a test sees."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

import monthclose

_CHECKS = FormatChecker(())


@_CHECKS.checks("date-time", ValueError)
def _is_a_time(value: object) -> bool:
    """Whether a text is a time with its zone: the library checks it only with another package."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


FOLDER = Path(monthclose.__path__[0]) / "events"


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """The events' schemas, by detail type."""
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return {schema["title"]: schema for schema in found}


@cache
def validators() -> Mapping[str, Draft202012Validator]:
    """What checks each event's detail, by its detail type."""
    return {kind: Draft202012Validator(schema, format_checker=_CHECKS) for kind, schema in schemas().items()}


def check_event(kind: str, detail: Mapping[str, Any]) -> None:
    """See that an event has a schema, and that its detail is as the schema says."""
    assert kind in validators(), f"the event {kind!r} has no schema"
    problems = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in validators()[kind].iter_errors(detail)]
    assert not problems, f"{kind}: {problems}"
