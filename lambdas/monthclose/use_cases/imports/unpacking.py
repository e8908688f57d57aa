"""Unpack gzip and zip in constant memory, and up to a limit: a few megabytes can unpack to terabytes."""

import gzip
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Buffer, Callable
from contextlib import ExitStack
from typing import IO, Any, cast

from monthclose.domain.errors import UserMistakeError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
_BUFFER = 1 << 17
_HARMLESS = 1 << 28
"""Bytes that any file may unpack to, however small it is."""
_MOST_UNPACKED = 500
"""Most bytes that one byte may unpack to. Deflate's maximum is 1,032, for constant content; usage has varying times."""
_MOST_COPIED = 400 << 20
"""Bytes of a stream that can't be read from its end, as zip needs it: it is copied to the disk, and a function has half
a gigabyte of that."""
_LONGEST_DIRECTORY = 1 << 20
"""Bytes of a zip file's directory: some 10,000 files. It is read into memory whole, and takes ten times its size."""
_CLUTTER = ("__MACOSX/", ".DS_Store")
_DOCUMENTS = {"mimetype", "content.xml", "xl/workbook.bin", "word/document.xml", "ppt/presentation.xml"}
"""What is in files that are zip files inside, but other spreadsheets (.ods, .xlsb) or none at all."""
DAMAGED = (EOFError, OSError, zipfile.BadZipFile, zlib.error)
"""What reading a packed file raises if it is cut off or damaged."""


def unpacked(name: str, raw: io.BufferedReader) -> io.BufferedReader:
    """Read the content of a gzip stream.

    Raises
    ------
    EOFError, OSError, zlib.error
        While reading: it is cut off or damaged.
    UserMistakeError
        While reading: it unpacks to implausibly many bytes.
    """
    counted = _Counted(raw)
    plain = gzip.GzipFile(fileobj=cast("IO[bytes]", counted), mode="rb")
    return io.BufferedReader(_Unpacked(name, plain, lambda: counted.count), _BUFFER)


def open_zip(name: str, raw: io.BufferedReader, opened: ExitStack) -> zipfile.ZipFile:
    """Open a zip file.

    Parameters
    ----------
    opened : ExitStack
        Closes it, and its copy on the disk, if it needs one.

    Raises
    ------
    UserMistakeError
        It is damaged, or too large to be copied to the disk, or has too many files in it.
    """
    try:
        bounded = _Bounded(name, _seekable(name, raw, opened))
        return opened.enter_context(zipfile.ZipFile(cast("IO[bytes]", bounded)))
    except (*DAMAGED, RuntimeError, ValueError) as error:
        raise UserMistakeError(f"{name} is a broken zip file ({error})") from None


def unpacked_member(name: str, archive: zipfile.ZipFile) -> io.BufferedReader:
    """Read the one file in a zip file.

    Raises
    ------
    UserMistakeError
        There is none or more than one, or it cannot be read. While reading: it unpacks to implausibly many bytes.
    """
    members = [each for each in archive.infolist() if not each.is_dir() and not _is_clutter(each.filename)]
    names = {each.filename for each in members}
    if names & _DOCUMENTS:
        raise UserMistakeError(f"{name} is a document that cannot be read; save it as .xlsx or CSV")
    if len(members) != 1:
        raise UserMistakeError(
            f"{name} has {len(members):,} files in it, not one\npack each by itself, so that its rows keep their ids"
        )
    (member,) = members
    if member.flag_bits & 1:
        raise UserMistakeError(f"{name} is encrypted; pack it without a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserMistakeError(f"{name} is packed in an unusual way; pack it with deflate, as zip does")
    try:
        plain = archive.open(member)
    except (*DAMAGED, RuntimeError, ValueError) as error:
        raise UserMistakeError(f"{name} is a broken zip file ({error})") from None
    return io.BufferedReader(_Unpacked(name, plain, lambda: member.compress_size), _BUFFER)


def _seekable(name: str, raw: io.BufferedReader, opened: ExitStack) -> IO[bytes]:
    if raw.seekable():
        return cast("IO[bytes]", raw)
    return copied(name, raw, cast("IO[bytes]", opened.enter_context(tempfile.TemporaryFile())))


def copied(name: str, raw: io.BufferedReader, copy: IO[bytes]) -> IO[bytes]:
    """Copy a stream to a file on the disk. What is on this machine's disk already is copied whatever its size.

    Raises
    ------
    UserMistakeError
        It is too large.
    """
    if raw.seekable():
        shutil.copyfileobj(raw, copy)
    else:
        left = _MOST_COPIED
        while content := raw.read(min(_BUFFER, left + 1)):
            left -= len(content)
            if left < 0:
                raise UserMistakeError(
                    f"{name} is larger than {_MOST_COPIED >> 20} MB\nsplit it, or send it as CSV with gzip"
                )
            copy.write(content)
    copy.flush()
    copy.seek(0)
    return copy


def _is_clutter(name: str) -> bool:
    return name.startswith(_CLUTTER[0]) or name.rpartition("/")[2] == _CLUTTER[1]


class _Counted:
    """The packed bytes, counted as they are read."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw, self.count = raw, 0

    def read(self, size: int) -> bytes:
        content = self._raw.read(size)
        self.count += len(content)
        return content


class _Bounded:
    """A zip file, of which nobody reads much at a time: its directory is read in one go, by the size that it claims."""

    def __init__(self, name: str, raw: IO[bytes]) -> None:
        self._name, self._raw = name, raw

    def read(self, size: int = -1) -> bytes:
        content = self._raw.read(_LONGEST_DIRECTORY + 1 if size < 0 else min(size, _LONGEST_DIRECTORY + 1))
        if len(content) > _LONGEST_DIRECTORY:
            raise UserMistakeError(f"{self._name} has too many files in it")
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class _Unpacked(io.RawIOBase):
    """The bytes that were packed."""

    def __init__(self, name: str, plain: Any, packed: Callable[[], int]) -> None:
        super().__init__()
        self._name, self._plain, self._packed, self._count = name, plain, packed, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        read: int = self._plain.readinto(buffer)
        self._count += read
        require_plausible(self._name, self._count, self._packed())
        return read


def require_plausible(name: str, unpacked: int, packed: int) -> None:
    """Check that a packed file's content is not implausibly much more than itself; in bytes.

    Raises
    ------
    UserMistakeError
        It is.
    """
    if unpacked > max(_HARMLESS, _MOST_UNPACKED * packed):
        raise UserMistakeError(
            f"{name} unpacks to more than {_MOST_UNPACKED} times its size, which is not plausible for usage\n"
            "if this is intended, import it unpacked"
        )
