"""Acts of the audit trail as people read them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from cli.system import System
from monthclose.domain.audit import DONE, FAILED, RecordedAct
from monthclose.domain.period import Period
from monthclose.domain.words import count

_MOST_COUNTED = 1000
"""More acts about a month are not counted."""


class Shown(NamedTuple):
    """An act, and the acts that say what came of it, the oldest first."""

    recorded: RecordedAct
    outcomes: tuple[RecordedAct, ...] = ()


def with_outcomes(acts: Iterable[RecordedAct]) -> Iterator[Shown]:
    """Put acts that say what came of another one with that one; the newest first.

    One whose act is not among them stands by itself.
    """
    waiting: dict[str, list[RecordedAct]] = {}
    for each in acts:
        if each.act.what in (DONE, FAILED):
            waiting.setdefault(each.act.follows, []).append(each)
        else:
            yield Shown(each, tuple(reversed(waiting.pop(each.name, []))))
    for left in waiting.values():
        yield from map(Shown, left)


def about(recorded: RecordedAct) -> str:
    """Say what an act is about: customer, invoice, month."""
    act = recorded.act
    return ", ".join(filter(None, (act.customer_id, act.invoice, str(act.period) if act.period else "")))


def who(recorded: RecordedAct) -> str:
    """Name who acted: as they said, and their AWS identity in short."""
    act = recorded.act
    identity = act.who.rpartition("/")[2] if "/" in act.who else act.who.rpartition(":")[2]
    return f"{act.by} ({identity})" if act.by and act.by != identity else identity


def in_words(shown: Shown) -> str:
    """Say why, from what to what, and what came of it: a line for each that there is."""
    act = shown.recorded.act
    lines = [act.why, change(act.before, act.after)]
    if act.follows:
        lines.append(f"asked for in {act.follows}")
    for outcome in shown.outcomes:
        came = change("", outcome.act.after)
        lines.append(f"not done, or only in part: {outcome.act.why}" if outcome.act.what == FAILED else f"done: {came}")
    return "\n".join(line for line in lines if line)


def change(before: str, after: str) -> str:
    """Write a change in one line; of two objects, only what differs."""
    was, became = read(before), read(after)
    if isinstance(was, Mapping) and isinstance(became, Mapping):
        flat_was, flat_became = dict(_flat(was)), dict(_flat(became))
        names = [name for name in {**flat_was, **flat_became} if flat_was.get(name) != flat_became.get(name)]
        return ", ".join(
            f"{name} {flat_was.get(name, 'nothing')} → {flat_became.get(name, 'nothing')}" for name in names
        )
    texts = [_plain(each) for each in (was, became) if each]
    return " → ".join(texts)


def read(text: str) -> Any:
    """Read a text of an act, if it is an object in JSON; otherwise it is the text."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict) else text


def _plain(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{name} {each}" for name, each in _flat(value))


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from _flat(each, f"{prefix}{name}.")
        elif isinstance(each, list):
            yield f"{prefix}{name}", "; ".join(map(str, each)) or "none"
        else:
            yield f"{prefix}{name}", str(each)


def link(system: System, period: Period) -> str:
    """Say how many acts there are about a month, and how to see them; empty if there are none."""
    found = sum(1 for _ in islice(with_outcomes(system.ports.audit.find(period=period)), _MOST_COUNTED))
    return f"{count(found, 'act')}: monthclose audit --period {period}" if found else ""


def as_json(recorded: RecordedAct) -> dict[str, Any]:
    """Put an act into JSON; `before` and `after` are objects where they are in JSON."""
    act = recorded.act
    return {
        "name": recorded.name,
        "time": act.time.isoformat(),
        "what": act.what,
        "who": act.who,
        "identity": recorded.identity,
        "by": act.by,
        "why": act.why,
        "before": read(act.before),
        "after": read(act.after),
        "period": str(act.period) if act.period else None,
        "customer_id": act.customer_id or None,
        "invoice": act.invoice or None,
        "follows": act.follows or None,
    }
