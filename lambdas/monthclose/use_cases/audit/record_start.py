"""Records what a function starts, who or what had it do so, and that a deployment's settings have changed since."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from monthclose.domain.audit import in_json
from monthclose.domain.period import Period
from monthclose.settings import Settings
from monthclose.use_cases.audit.record_act import ActRecorder

SETTINGS_CHANGED = "deployment.settings_changed"
BY_HAND = "an execution started by hand"
_NO_SETTINGS = ("_table", "_bucket", "url")
"""How names end of what a deployment is given by AWS; some of it not every function is told."""
_REPEATED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StartRecorder:
    """Records starts.

    Parameters
    ----------
    settings : Settings
        Those that the function runs with. AWS keeps who deployed them; here it is noted what is new about them.
    """

    acts: ActRecorder
    settings: Settings

    def record(self, what: str, execution: str, request: Any, *, period: Period | None = None, **more: object) -> None:
        """Record a start, once for an execution, and before it the settings if they are new.

        Parameters
        ----------
        request : Any
            The execution's input: a command's, a rule's event, or what somebody wrote in the console.
        more : object
            What else there is to say, in short.

        Raises
        ------
        TryLaterError
            It cannot be recorded now: do not go on.
        """
        self._note_settings()
        after = in_json(**more, execution=execution.rpartition(":")[2])
        since = self.acts.clock() - _REPEATED_WITHIN
        before = self.acts.trail.find(period=period, subject=what.partition(".")[0], since=since)
        if any(each.act.after == after for each in before):
            return  # the function was called again
        by, follows = self._origin(request if isinstance(request, dict) else {})
        self.acts.record(what, by=by, after=after, period=period, follows=follows)

    def _origin(self, request: Mapping[str, Any]) -> tuple[str, str]:
        """Find who or what started an execution, and the act in which a person asked for it."""
        if request.get("source") == "aws.events":
            rules = [str(arn).rpartition("rule/")[2] for arn in request.get("resources", ())]
            return f"rule {', '.join(rules)}", ""
        name = str(request.get("act", ""))
        asked = self.acts.trail.get(name) if "#" in name else None
        return (asked.act.by, name) if asked else (BY_HAND, "")

    def _note_settings(self) -> None:
        """Compare the settings with those that were recorded last."""
        now = in_json(**_in_short(self.settings))
        last = next(self.acts.trail.find(subject=SETTINGS_CHANGED.partition(".")[0]), None)
        if last is None or last.act.after != now:
            self.acts.record(SETTINGS_CHANGED, by="deployment", before=last.act.after if last else "", after=now)


def _in_short(settings: Settings) -> dict[str, object]:
    """List the settings, names and numbers; secrets are not among them."""
    return _without_addresses(asdict(settings))


def _without_addresses(values: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: _without_addresses(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if not name.endswith(_NO_SETTINGS)
    }
