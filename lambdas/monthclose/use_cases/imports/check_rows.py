"""Check a file's rows before any of them is imported, and hand them on in chunks."""

from collections.abc import Iterable, Iterator

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import NUMBERS, ColumnMapping, Hints
from monthclose.domain.imports.intake import Row
from monthclose.domain.imports.numerals import COMMA, POINT, shows_comma

_CHUNK, _CHUNK_CHARACTERS = 2000, 4 << 20
"""Most rows in memory at once, and most characters: a row may have a million."""


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Hand rows on in lists that fit into memory, however long the rows are."""
    chunk, characters = list[Row](), 0
    for row in rows:
        chunk.append(row)
        characters += row.size
        if len(chunk) >= _CHUNK or characters > _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def checked(name: str, rows: Iterable[Row], mapping: ColumnMapping, hints: Hints) -> Iterator[Row]:
    """Hand rows on, unless one shows that the whole file must be refused.

    Raises
    ------
    UserMistakeError
        A number seems to have a decimal comma, and no decimal mark was given.
    """
    columns = [(field, mapping.columns[field]) for field in NUMBERS if field in mapping.columns and not mapping.decimal]
    for row in rows:
        for field, column in columns:
            if not row.fault and shows_comma(row.cells.get(column, "").strip()):
                raise UserMistakeError(
                    f"{name}: the {field} of row {row.number:,} seems to have a decimal comma, so 1.500 may mean "
                    "1500; nothing was imported\n"
                    f"choose one: {hints.decimal.format(COMMA)} or {hints.decimal.format(POINT)}"
                )
        yield row
