"""What a report says about its pack: which one is current, its figures, and why the last one could not be made."""

from collections.abc import Iterable

from monthclose.domain.pack.pack import FIGURES, MANIFEST, Pack, PackFailure, failure_key, manifest_key, pack_key
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Documents
from monthclose.use_cases.proof.report import PackEntries, PackEntry
from monthclose.use_cases.stored_documents import read_json


def current_pack(documents: Documents, period: Period) -> Pack | None:
    """Read what a period's current pack has; None if there is none."""
    content = read_json(documents, manifest_key(period))
    return Pack.of(content) if content else None


def earlier_pack(documents: Documents, period: Period, name: str) -> Pack | None:
    """Read what another pack of a period has; None if it was removed."""
    content = read_json(documents, pack_key(period, name, MANIFEST)) if name else None
    return Pack.of(content) if content else None


def last_failure(documents: Documents, period: Period) -> PackFailure | None:
    """Read why the last pack of a period could not be made; None if it was made, or none was begun."""
    content = read_json(documents, failure_key(period))
    return PackFailure.of(content) if content else None


def pack_entries(documents: Documents, period: Period) -> PackEntries:
    """Make a report's entries about its pack; none of them if there has never been one."""
    pack, failure = current_pack(documents, period), last_failure(documents, period)
    entries: PackEntries = {}
    if pack:
        entries["pack"] = _entry(pack)
        if figures := read_json(documents, pack.key_of(FIGURES)):
            entries["figures"] = figures
    if failure and (pack is None or pack.planned_at < failure.time):
        entries["pack_failure"] = {"time": failure.time.isoformat(), "why": failure.why}
    return entries


def pack_warnings(unreadable_in_all: int, remarks: Iterable[str]) -> list[str]:
    """Say what a reader of a pack's figures must know: they lack what could not be read."""
    it = "it" if unreadable_in_all == 1 else "them"
    unread = count(unreadable_in_all, "customer or document", "customers or documents")
    lacking = f"{unread} could not be read: the figures and the report pack lack {it}"
    return [*([lacking] if unreadable_in_all else []), *remarks]


def _entry(pack: Pack) -> PackEntry:
    entry: PackEntry = {
        "name": pack.name,
        "run": pack.run,
        "made_for": pack.made_for,
        "as_of": pack.planned_at.isoformat(),
        "made_at": pack.made_at.isoformat(),
        "folder": pack.key_of(""),
        "files": len(pack.files),
        "size": pack.size,
    }
    if pack.unreadable_in_all:
        entry["unreadable_in_all"] = pack.unreadable_in_all
    if pack.remarks:
        entry["remarks"] = pack.remarks
    return entry
