"""Opening somebody's file: rows of CSV or JSON Lines, or a TOML price book; plain or gzip."""

import io
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.intake import Row
from monthclose.stages.tables import not_utf8, read_table, read_text

_TOML = re.compile(r"^\s*\[\[\s*[a-z]+\s*\]\]\s*(#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RowFile:
    """An open file: its columns, its rows one after the other, and how much of it has been read."""

    path: Path
    columns: list[str]
    rows: Iterator[Row]
    size: int
    position: Callable[[], int]
    """Bytes read so far, as stored."""


@contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """Open a file of rows.

    Raises
    ------
    UserMistakeError
        It cannot be read as such. While reading rows, too, when it breaks off.
    """
    with _opened(path) as raw:
        table = read_table(path.name, raw)
        yield RowFile(path, table.columns, table.rows, path.stat().st_size, raw.tell)


def read_toml(path: Path) -> Mapping[str, object] | None:
    """Read a TOML file, plain or gzip; None if the file is of another kind. Numbers keep every digit.

    Raises
    ------
    UserMistakeError
        It cannot be read as such.
    """
    with _opened(path) as raw:
        text, start = read_text(path.name, raw)
        if not (path.name.removesuffix(".gz").endswith(".toml") or _TOML.search(start)):
            return None
        try:
            return tomllib.loads(text.read(), parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise UserMistakeError(f"{path.name} is not valid TOML: {error}") from None
        except UnicodeDecodeError:
            raise not_utf8(path.name) from None


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    if path.is_dir():
        raise UserMistakeError(f"{path} is a folder, not a file")
    try:
        with path.open("rb") as raw:
            yield raw
    except FileNotFoundError:
        raise UserMistakeError(f"there is no file {path}") from None
    except PermissionError:
        raise UserMistakeError(f"{path} may not be read by you") from None
