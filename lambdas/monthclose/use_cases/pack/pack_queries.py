"""The statements with which Amazon Athena reads a pack's Parquet files: a table of its own for each table."""

from collections.abc import Iterable

from monthclose.domain.pack.files import columns_of
from monthclose.domain.period import Period
from monthclose.domain.register.tables import Kind, Table

_TYPES = {Kind.MINOR: "bigint", Kind.COUNT: "bigint", Kind.DATE: "date", Kind.TIME: "timestamp"}


def athena_queries(period: Period, folder: str, tables: Iterable[Table]) -> str:
    """Write the statements, to be run one after the other.

    Parameters
    ----------
    folder : str
        The address of the pack, with a slash at its end.
    """
    database = f"monthclose_{period}".replace("-", "_")
    drops = [f"DROP TABLE IF EXISTS `{database}`.`{table.name}`;" for table in tables]
    creates = [_create(database, f"{folder}parquet/{table.name}/", table) for table in tables]
    head = f"-- {period}: amounts ending in _minor are in minor units; the column beside them has major units, as text."
    return "\n\n".join((head, f"CREATE DATABASE IF NOT EXISTS `{database}`;", *drops, *creates)) + "\n"


def _create(database: str, location: str, table: Table) -> str:
    columns = ",\n".join(f"  `{column.name}` {_TYPES.get(column.kind, 'string')}" for column in columns_of(table))
    return (
        f"CREATE EXTERNAL TABLE `{database}`.`{table.name}` (\n{columns}\n)\nSTORED AS PARQUET\nLOCATION '{location}';"
    )
