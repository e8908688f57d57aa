"""Store drafts, before numbers are reserved for them."""

import hashlib
import json

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.period import Period
from monthclose.ports import Documents


def store_drafts(documents: Documents, period: Period, owner: str, drafts: list[Draft] | Draft) -> str:
    """Store drafts under a key derived from their content, and return the key.

    Parameters
    ----------
    owner : str
        The batch, or the invoice that a credit note corrects.
    """
    content = json.dumps(drafts, ensure_ascii=False).encode()
    key = f"drafts/{period}/{owner}-{hashlib.sha256(content).hexdigest()[:16]}.json"
    documents.put(key, content)
    return key
