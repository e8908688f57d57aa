"""The company's logo: stored under a key derived from its content, so an issued document's logo never changes."""

import hashlib

from monthclose.domain.errors import UserMistakeError
from monthclose.ports import Documents

_LATEST = "company/logo"
_MAX_BYTES = 200_000
_KINDS = {b"\x89PNG\r\n\x1a\n": ("png", "image/png"), b"\xff\xd8\xff": ("jpg", "image/jpeg")}
_SVG = ("svg", "image/svg+xml")


def import_logo(content: bytes, *, documents: Documents) -> str:
    """Store a logo for new invoices, and return its key.

    Raises
    ------
    UserMistakeError
        It is not a PNG, JPEG or SVG file, or it is too large.
    """
    suffix, content_type = _kind(content)
    if len(content) > _MAX_BYTES:
        raise UserMistakeError(f"the logo has {len(content):,} bytes; at most {_MAX_BYTES:,} are allowed")
    key = f"company/logo-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
    documents.put_new(key, content, content_type)
    documents.put(_LATEST, key.encode(), "text/plain")
    return key


def current_logo(documents: Documents) -> str:
    """Return the key of the logo for new invoices; empty if there is none."""
    try:
        return documents.get(_LATEST).decode()
    except KeyError:
        return ""


def _kind(content: bytes) -> tuple[str, str]:
    for beginning, kind in _KINDS.items():
        if content.startswith(beginning):
            return kind
    if b"<svg" in content[:1000] and b"\x00" not in content:
        return _SVG
    raise UserMistakeError("the logo is not a PNG, JPEG or SVG file")
