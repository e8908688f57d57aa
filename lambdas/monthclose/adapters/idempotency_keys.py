"""Idempotency keys: the same intent always has the same key."""

import hashlib


def idempotency_key(*parts: object, longest: int) -> str:
    """Make a key from what identifies an intent: a header, so ASCII, of at most `longest` characters (64 or more)."""
    key = "/".join(map(str, parts))
    return (
        key if key.isascii() and key.isprintable() and len(key) <= longest else hashlib.sha256(key.encode()).hexdigest()
    )
