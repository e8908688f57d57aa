"""The tables of the report pack: those of the figures, and the register's."""

from collections.abc import Mapping

from monthclose.domain.finance import figures
from monthclose.domain.register import tables as register
from monthclose.domain.register.tables import MINOR, Column, Kind, Table


def _kind(column: str) -> Kind:
    """Say what a column of the figures holds: its name says it."""
    if column.endswith(MINOR):
        return Kind.MINOR
    if column.startswith("days_"):
        return Kind.COUNT
    return Kind.DATE if column.endswith(("_on", "_date")) else Kind.TEXT


_OF_FIGURES = {
    name: Table(name, tuple(Column(column, _kind(column)) for column in columns))
    for name, columns in figures.COLUMNS.items()
}

TABLES: Mapping[str, Table] = {**_OF_FIGURES, **register.TABLES}
"""By name, in the order in which a pack lists them."""
