"""What a close says about the approval that it was let through its gate with."""

import json
from collections.abc import Mapping

from monthclose.domain.closes.close import Close
from monthclose.domain.rehearsals.rehearsal import approved_key
from monthclose.ports import Documents
from monthclose.use_cases.proof.report import ApprovedEntry


def approved_entry(documents: Documents, close: Close) -> Mapping[str, ApprovedEntry]:
    """Read the report's entry `approved`; nothing if nobody had approved the close."""
    if not close.rehearsal:
        return {}
    try:
        content: ApprovedEntry = json.loads(documents.get(approved_key(close.period, close.rehearsal)))
    except KeyError:
        return {}
    return {"approved": content}


def approved_lines(entry: ApprovedEntry | None) -> list[str]:
    """Say where a close differs from what was approved, in lines; nothing if nobody had approved it."""
    if entry is None:
        return []
    head = f"approved by {entry['by']}, rehearsal {entry['rehearsal']}"
    if not entry["differs"]:
        return [f"{head}: billed as approved"]
    customers = "1 customer differs" if entry["differs"] == 1 else f"{entry['differs']:,} customers differ"
    return [f"{head}: {customers} from what was approved", *(f"  {line}" for line in entry["lines"])]
