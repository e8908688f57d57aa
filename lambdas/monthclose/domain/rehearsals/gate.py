"""The gate between a close's drafts and its charges: when it needs an approval, and what it decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from monthclose.domain.rehearsals.settings import OFF, GateRules
from monthclose.domain.words import count

if TYPE_CHECKING:
    from monthclose.domain.rehearsals.finding import GateFinding
    from monthclose.domain.rehearsals.rehearsal import Approval


class Required(StrEnum):
    """When a close needs an approval before it may charge. An approval that was given is held to in any case."""

    OFF = "off"
    FINDINGS = "findings"
    """If a rule finds something in its drafts."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When an approval is needed, and the rules."""

    required: Required = Required.OFF
    rules: GateRules = OFF

    @property
    def closed(self) -> bool:
        """Whether closes go through the gate even if nothing was approved."""
        return self.required is not Required.OFF


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a close may charge; `why` says in one line why not."""

    may_charge: bool
    why: str = ""


def decide(
    required: Required,
    approval: Approval | None,
    findings: Sequence[GateFinding],
    differing: Sequence[GateFinding],
    undrafted: int = 0,
) -> Verdict:
    """Decide whether a close may issue its drafts and charge.

    Parameters
    ----------
    approval : Approval or None
        The last one for the period, if any.
    findings : sequence of GateFinding
        What the rules found in the close's own drafts.
    differing : sequence of GateFinding
        Where the drafts differ from what was approved by more than the settings allow.
    undrafted : int
        Batches of the close that could not be drafted.
    """
    why = ""
    new = [finding for finding in findings if finding.key not in _known(approval)]
    if undrafted:
        why = f"{count(undrafted, 'batch', 'batches')} could not be drafted"
    elif approval and differing:
        why = f"it differs from what {approval.by} approved: {_first(differing)}"
    elif required is Required.ALWAYS and not approval:
        why = "nobody has approved it" + (f": {_first(findings)}" if findings else "")
    elif required is not Required.OFF and new:
        why = f"not among the approved findings: {_first(new)}" if approval else _first(new)
    return Verdict(not why, why)


def _known(approval: Approval | None) -> Collection[str]:
    return frozenset(approval.keys) if approval else ()


def _first(findings: Sequence[GateFinding]) -> str:
    more = f" (and {count(len(findings) - 1, 'more finding')})" if len(findings) > 1 else ""
    return findings[0].text + more
