"""An act: what is asked for it, what it would touch, and how it is done.

An act is asked for, shown with the numbers that it touches, and done once these were confirmed. If what was confirmed
has changed meanwhile, it is shown again instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cli.dashboard.context import Dashboard

type Given = Mapping[str, str]
"""The fields of a form, and what the address says about whom or what the act is."""


class Field(NamedTuple):
    """A field of an act's form.

    Parameters
    ----------
    kind : str
        `text`, `long` (several lines), `date`, or `choice`.
    choices : sequence
        Values and labels of a choice.
    """

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    required: bool = True
    choices: Sequence[tuple[str, str]] = ()


REASON = Field("reason", "Reason", kind="long")


class Fact(NamedTuple):
    """A number that an act touches; `figure` aligns it to the right."""

    label: str
    value: str
    figure: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act would do.

    Parameters
    ----------
    what : str
        A sentence: what happens if it is confirmed.
    facts : sequence of Fact
        The numbers that it touches.
    button : str
        The label of the button that does it.
    confirmed : str
        What may not change between confirming and doing.
    do : callable
        Does it, and returns what is said then.
    more : sequence of str
        What else there is to know, a sentence each.
    page : str
        The address of a page with all that there is to know; empty if there is none.
    """

    what: str
    facts: Sequence[Fact]
    button: str
    confirmed: str
    do: Callable[[], str]
    more: Sequence[str] = ()
    page: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """A kind of act.

    Parameters
    ----------
    title : str
        Of its pages, with `{}` for what it is about.
    about : str
        The field of the address that says what it is about: `period`, `provider` or `customer`.
    fields : sequence of Field
        What is asked for.
    plan : callable
        Reads what was given, and says what the act would do. Raises UserMistakeError for what cannot be done.
    back : callable
        Where it leads to afterwards.
    """

    name: str
    title: str
    about: str
    fields: Sequence[Field]
    plan: Callable[[Dashboard, Given], Plan]
    back: Callable[[Given], str]

    @property
    def asks_only_why(self) -> bool:
        """Whether what it touches is known before anything is filled in."""
        return all(field is REASON for field in self.fields)
