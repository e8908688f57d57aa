"""Moto in three quarters of the time: it tries all names that a member of an answer may have, and items have many."""

from typing import Any

from moto.core.serialize import AttributePicker

_SLOWLY = AttributePicker.__call__
_KINDS = frozenset({"S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"})
"""What DynamoDB's attributes may be: names of their only members."""


def pick(picker: AttributePicker, context: Any) -> Any:
    """Pick a member of an answer: an attribute's by its name."""
    if context.key in _KINDS and isinstance(context.obj, dict):
        return context.obj.get(context.key)
    return _SLOWLY(picker, context)
