"""Lambda "Finish the pack"."""

from monthclose.domain.pack.pack import INDEX, manifest_key
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler, use_cases


@state_handler("finish_pack", key="[period, execution, entered]")
def handler(event: Event) -> Event:
    """Make a pack the period's current one, or have the report say why it could not be made."""
    period, finisher = Period.parse(event["period"]), use_cases().pack_finisher
    if "error" in event:
        finisher.fail(period, event["error"]["Error"])
        return {"made": False}
    pack, place = finisher.finish(period, event["pack"]), runtime().documents.location
    return {"made": True, "manifest": place(manifest_key(period)), "page": place(pack.key_of(INDEX))}
