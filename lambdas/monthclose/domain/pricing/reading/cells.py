"""Reading what usage a price is for: `where`, `group_by`, and the cells of a matrix."""

from monthclose.domain.attributes import check_name
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.book.cell import Cell, Conditions
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.models import MODEL_FIELDS
from monthclose.domain.text import check_key

CELL_FIELDS = frozenset({"where", "group_by", "cells"})
OF_A_CELL = MODEL_FIELDS | {"where", "free", "description", "tax_class"}
"""What each cell of a matrix says for itself; all else is the entry's."""
_EXAMPLE = 'where = { region = "eu", tier = ["a", "b"] }'


def read_cell(fields: Fields) -> Cell:
    """Read the usage that a price is for, and by what it is grouped."""
    where, group_by = _where(fields), fields.keys("group_by")
    for name in group_by:
        check_name(name)
    fixed = [name for name, values in where if len(values) == 1 and name in group_by]
    if fixed:
        raise UserMistakeError(f"group_by names {fixed[0]}, of which where has one value only")
    return Cell(where, group_by)


def _where(fields: Fields) -> Conditions:
    conditions = []
    for name, given in fields.table("where", _EXAMPLE).items():
        check_name(name)
        values = given if isinstance(given, list) else [given]
        texts = {check_key(value, f"where {name}") for value in values if isinstance(value, str)}
        if not values or not all(isinstance(value, str) for value in values):
            raise UserMistakeError(f"where {name} must be a text or a list of texts, like {_EXAMPLE}")
        conditions.append((name, tuple(sorted(texts))))
    return tuple(sorted(conditions))
