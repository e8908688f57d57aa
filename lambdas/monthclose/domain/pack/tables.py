"""The tables of the report pack: those of the figures, and those of the records."""

from collections.abc import Mapping

from monthclose.domain.register import tables as register
from monthclose.domain.register.tables import Table

TABLES: Mapping[str, Table] = {**register.FIGURES, **register.TABLES}
"""By name, in the order in which a pack lists them."""
