"""The tables of the report pack, in the order in which it lists them."""

from collections.abc import Mapping

from monthclose.domain.register import tables as register
from monthclose.domain.register.tables import Table

TABLES: Mapping[str, Table] = dict(register.TABLES)
"""By name."""
