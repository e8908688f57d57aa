"""Opening somebody's file: rows of any kind that we read, or TOML."""

import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from monthclose.domain import toml
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row
from monthclose.ports.tables import ColumnFiles
from monthclose.use_cases.imports.sheets import PARQUET
from monthclose.use_cases.imports.tables import Table, read_table, read_text, readable
from monthclose.use_cases.imports.unpacking import ZIP

_TOML = re.compile(r"^\s*\[\[\s*[a-z]+\s*\]\]\s*(#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RowFile:
    """An open file: its columns, its rows one after the other, and how much of it has been read."""

    path: Path
    table: Table
    size: int
    position: Callable[[], int]
    """Bytes read so far, as stored."""

    @property
    def rows(self) -> Iterator[Row]:
        """Its rows."""
        return self.table.rows


class Reopened:
    """A file that can be read from its beginning more than once, by its descriptor."""

    def __init__(self, path: Path, file: int, options: FileOptions, column_files: Callable[[], ColumnFiles]) -> None:
        self._path, self._file, self._options, self._column_files = path, file, options, column_files

    @contextmanager
    def rows(self) -> Iterator[RowFile]:
        """Read its rows, from the first on.

        Raises
        ------
        UserMistakeError
            It cannot be read as such. While reading rows, too, when it breaks off.
        """
        os.lseek(self._file, 0, os.SEEK_SET)
        size = os.fstat(self._file).st_size
        with ExitStack() as opening, os.fdopen(os.dup(self._file), "rb") as raw:
            table = opening.enter_context(closing(read_table(self._path.name, raw, self._options, self._column_files)))
            yield RowFile(self._path, table, size, lambda: os.lseek(self._file, 0, os.SEEK_CUR))


@contextmanager
def open_rows(path: Path, options: FileOptions, column_files: Callable[[], ColumnFiles]) -> Iterator[Reopened]:
    """Open a file of rows; `column_files` makes what reads Parquet.

    Raises
    ------
    UserMistakeError
        It cannot be read.
    """
    with _opened(path) as raw:
        if raw.seekable():
            yield Reopened(path, raw.fileno(), options, column_files)
            return
        with tempfile.TemporaryFile() as copy:  # what comes out of a pipe
            shutil.copyfileobj(raw, copy)
            copy.flush()
            yield Reopened(path, copy.fileno(), options, column_files)


def read_toml(path: Path, encoding: str = "") -> Mapping[str, object] | None:
    """Read a TOML file, plain or gzip; None if the file is of another kind. Numbers keep every digit.

    Raises
    ------
    UserMistakeError
        It cannot be read as such.
    """
    with _opened(path) as raw:
        if raw.peek(4).startswith((ZIP, PARQUET)):
            return None
        text, start = read_text(path.name, raw, encoding)
        if not (path.name.removesuffix(".gz").endswith(".toml") or _TOML.search(start)):
            return None
        content = _read(path, text)
    try:
        return toml.read_toml(content)
    except UserMistakeError as error:
        raise UserMistakeError(f"{path.name}: {error}") from None


def read_whole(path: Path) -> str:
    """Read a small file of text, plain or gzip.

    Raises
    ------
    UserMistakeError
        It cannot be read as such.
    """
    with _opened(path) as raw:
        text, _ = read_text(path.name, raw)
        return _read(path, text)


def read_bytes(path: Path, most: int) -> bytes:
    """Read a small file, and of a large one no more than so many bytes.

    Raises
    ------
    UserMistakeError
        It cannot be read.
    """
    with _opened(path) as raw, readable(path.name):
        return raw.read(most)


def _read(path: Path, text: io.TextIOWrapper) -> str:
    with readable(path.name):
        return text.read(toml.MOST_CHARACTERS + 1)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    if path.is_dir():
        raise UserMistakeError(f"{path} is a folder, not a file")
    try:
        raw = path.open("rb")
    except FileNotFoundError:
        raise UserMistakeError(f"{path} cannot be read: there is no file of that name") from None
    except OSError as error:
        raise UserMistakeError(f"{path} cannot be read: {error.strerror}") from None
    with raw:
        yield raw
