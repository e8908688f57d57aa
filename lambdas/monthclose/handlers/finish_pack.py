"""Lambda "Finish the pack"."""

from monthclose.domain.pack.pack import INDEX, manifest_key
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.5
"""Until then providers are asked for their payouts."""


@timed_handler("finish_pack", key="[period, execution, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Make a pack the period's current one, or have the report say why it could not be made."""
    period, finisher = Period.parse(event["period"]), use_cases().pack_finisher
    if "error" in event:
        planned = event.get("so_far", {}).get("plan", {})
        finisher.fail(period, event["error"]["Error"], planned.get("pack", ""))
        return {"made": False}
    pack, place = finisher.finish(period, event["pack"], time_is_up=time_is_up), runtime().documents.location
    return {"made": True, "manifest": place(manifest_key(period)), "page": place(pack.key_of(INDEX))}
