"""The gate between a close's drafts and its charges: when it needs an approval, and what it decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from monthclose.domain.rehearsals.finding import GateFinding
from monthclose.domain.rehearsals.rehearsal import Approval
from monthclose.domain.rehearsals.settings import OFF, GateRules
from monthclose.domain.words import count


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
    if undrafted:
        return Verdict(False, f"{count(undrafted, 'batch', 'batches')} could not be drafted")
    if approval is None:
        if required is Required.ALWAYS:
            return Verdict(False, f"nobody has approved it{_found(findings)}")
        if required is Required.FINDINGS and findings:
            return Verdict(False, _first(findings))
        return Verdict(True)
    new = [finding for finding in findings if finding.key not in _known(approval)]
    if differing:
        return Verdict(False, f"it differs from what {approval.by} approved: {_first(differing)}")
    if new and required is not Required.OFF:
        return Verdict(False, f"not among the approved findings: {_first(new)}")
    return Verdict(True)


def _known(approval: Approval) -> Collection[str]:
    return frozenset(approval.keys)


def _first(findings: Sequence[GateFinding]) -> str:
    more = f" (and {count(len(findings) - 1, 'more finding')})" if len(findings) > 1 else ""
    return findings[0].text + more


def _found(findings: Sequence[GateFinding]) -> str:
    return f": {_first(findings)}" if findings else ""
