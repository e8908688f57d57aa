"""Store drafts, before numbers are reserved for them."""

import hashlib
import json

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.period import Period
from monthclose.ports import Documents


def store_drafts(documents: Documents, period: Period, whose: str, drafts: list[Draft] | Draft) -> str:
    """Write drafts under a key that names their content, and return it: the same drafts have the same key.

    Parameters
    ----------
    whose : str
        The batch that they are of, or the invoice that a credit note is on.
    """
    content = json.dumps(drafts, ensure_ascii=False).encode()
    key = f"drafts/{period}/{whose}-{hashlib.sha256(content).hexdigest()[:16]}.json"
    documents.put(key, content)
    return key
