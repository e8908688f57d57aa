"""The audit trail: who changed what, when, why, from what to what; and how a changed or missing act is noticed.

Every act is one link of two chains. It holds the digest of its identity's act before it, so no act can vanish between
two others; and the digest of the newest act of anybody, so that even an identity's last act cannot be changed once
somebody else has acted.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypedDict

from monthclose.domain.period import Period

MOST_CHARACTERS = 12_000
"""Of each text of an act: more than all settings of a deployment have. An item may hold 400 KB."""
DONE, FAILED = "act.done", "act.failed"
"""Kinds of acts that say what became of the act that they follow; other acts follow the one that asked for them."""
_MOST_AHEAD = timedelta(minutes=1)
"""How far the clock of whoever acted may be ahead of ours for their act to be witnessed."""
_INSTANT = timedelta(microseconds=1)


class Caller(NamedTuple):
    """An AWS identity, as STS knows it.

    Parameters
    ----------
    user_id : str
        Its unique id, which IAM's policies know as `aws:userid`: `AIDA…`, or `AROA…:session` for a role's session.
    """

    user_id: str
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that a person or a rule changed.

    Amounts and counts may be in its texts; personal data, keys and files' contents never.

    Parameters
    ----------
    what : str
        Subject and verb with a dot between: `close.stopped`, `prices.imported`.
    who : str
        The ARN of the AWS identity. The trail fills it in: whoever appends an act is the one who acted.
    by : str
        The person's name as they said it (`--by`), or the rule or schedule that made a function act.
    before, after : str
        From what to what: a short text, or a small object in JSON.
    follows : str
        The name (`RecordedAct.name`) of the act that asked for this one, or that this one says the outcome of.
    seal : str
        Of an act that asks a function to do something: see `sealed`.
    """

    time: datetime
    what: str
    who: str = ""
    by: str = ""
    why: str = ""
    before: str = ""
    after: str = ""
    period: Period | None = None
    customer_id: str = ""
    invoice: str = ""
    follows: str = ""
    seal: str = ""

    @property
    def subject(self) -> str:
        """What was changed: `what` before the dot."""
        return self.what.partition(".")[0]

    def content(self) -> dict[str, str]:
        """List its fields as texts; those that are empty are left out."""
        texts = {each.name: getattr(self, each.name) for each in fields(self)}
        texts |= {"time": in_utc(self.time), "period": str(self.period) if self.period else ""}
        return {name: text for name, text in texts.items() if text}

    @classmethod
    def from_content(cls, content: Mapping[str, str]) -> "Act":
        """Read it from `content`; what later releases add is left out."""
        known = {each.name for each in fields(cls)}
        texts = {name: text for name, text in content.items() if name in known - {"time", "period"}}
        period = Period.parse(content["period"]) if "period" in content else None
        return cls(time=datetime.fromisoformat(content["time"]), period=period, **texts)


class About(TypedDict, total=False):
    """What there is to say about an act beside what was done; see `Act`."""

    by: str
    why: str
    before: str
    after: str
    period: Period | None
    customer_id: str
    invoice: str
    follows: str
    seal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAct:
    """An act as the trail keeps it.

    Parameters
    ----------
    content : str
        The act in JSON.
    identity : str
        The caller's `user_id`.
    number : int
        Counts the identity's acts, from 1.
    at : str
        Its place in the order of all acts: the time, or an instant after the acts that it follows on.
    previous : str
        The digest of the identity's act before; empty for its first.
    seen, seen_digest : str
        The newest act of anybody when it was appended, and that act's digest; empty if there was none.
    """

    content: str
    identity: str
    number: int
    at: str
    previous: str = ""
    seen: str = ""
    seen_digest: str = ""
    digest: str = ""

    @property
    def act(self) -> Act:
        """The act."""
        return Act.from_content(json.loads(self.content))

    @property
    def name(self) -> str:
        """Its unique name: identity and number."""
        return f"{self.identity}#{self.number}"

    def computed(self) -> str:
        """Compute the digest of its content: SHA-256, in hexadecimal."""
        parts = (self.content, self.identity, self.number, self.at, self.previous, self.seen, self.seen_digest)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def in_utc(time: datetime) -> str:
    """Write a time so that texts are in the order of times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def in_json(**values: object) -> str:
    """Write an act's `before` or `after` as a small object in JSON, without values that are None."""
    given = {name: value for name, value in values.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, default=str)


def sealed(secret: str) -> str:
    """Compute the seal of a secret: who shows the secret to a function is the one who wrote the sealed act."""
    return hashlib.sha256(secret.encode()).hexdigest()


def witnessed_until(now: datetime) -> str:
    """Return the latest place in the order that an act may have to be witnessed: nobody's clock moves ours."""
    return in_utc(now + _MOST_AHEAD)


def recorded(act: Act, caller: Caller, last: RecordedAct | None, newest: RecordedAct | None) -> RecordedAct:
    """Make the record of an act.

    Parameters
    ----------
    last : RecordedAct or None
        The caller's act before.
    newest : RecordedAct or None
        The newest act of anybody.
    """
    shown = replace(act, who=caller.arn, why=_cut(act.why), before=_cut(act.before), after=_cut(act.after))
    after = max((datetime.fromisoformat(each.at) for each in (last, newest) if each), default=None)
    at = max(act.time, after + _INSTANT) if after else act.time
    made = RecordedAct(
        content=json.dumps(shown.content(), ensure_ascii=False),
        identity=caller.user_id,
        number=last.number + 1 if last else 1,
        at=in_utc(at),
        previous=last.digest if last else "",
        seen=newest.name if newest else "",
        seen_digest=newest.digest if newest else "",
    )
    return replace(made, digest=made.computed())


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


class Damage(NamedTuple):
    """Something that is wrong with the trail, and the act that it is wrong with."""

    name: str
    text: str


@dataclass
class _Check:
    """What the acts read so far, the newest first, say of those that come next."""

    numbers: dict[str, int] = field(default_factory=dict)
    """By identity, the number of its act that comes next."""
    digests: dict[str, str] = field(default_factory=dict)
    """By an act's name, the digest that later acts have of it."""

    def of(self, each: RecordedAct) -> Iterator[Damage]:
        if each.digest != each.computed():
            yield Damage(each.name, "was changed after it was written")
        if self.digests.pop(each.name, each.digest) != each.digest:
            yield Damage(each.name, "is not the act that later acts follow on")
        next_one = self.numbers.get(each.identity, each.number)
        if next_one != each.number:
            yield Damage(f"{each.identity}#{next_one}", f"is missing; the act found before it is {each.name}")
            self.digests.pop(f"{each.identity}#{next_one}", None)
        self.numbers[each.identity] = each.number - 1
        if each.number > 1:
            yield from self._expect(f"{each.identity}#{each.number - 1}", each.previous)
        if each.seen:
            yield from self._expect(each.seen, each.seen_digest)

    def _expect(self, name: str, digest: str) -> Iterator[Damage]:
        if self.digests.setdefault(name, digest) != digest:
            yield Damage(name, "is not the same act to all acts that follow on it")


def check(acts: Iterable[RecordedAct], *, whole: bool = True) -> Iterator[Damage]:
    """Find acts that were changed or are missing, reading each act once.

    Parameters
    ----------
    acts : iterable of RecordedAct
        The newest first.
    whole : bool
        Whether they are all acts since the first.
    """
    checked = _Check()
    for each in acts:
        yield from checked.of(each)
    if whole:
        yield from (Damage(name, "is missing") for name in checked.digests)
