"""Unpack gzip in constant memory, and up to a limit: a few megabytes can unpack to terabytes."""

import gzip
import io
from collections.abc import Buffer
from typing import IO, cast

from monthclose.domain.errors import UserMistakeError

GZIP = b"\x1f\x8b"
_BUFFER = 1 << 17
_HARMLESS = 1 << 28
"""Bytes that any file may unpack to, however small it is."""
_MOST_UNPACKED = 500
"""Most bytes that one byte may unpack to. Deflate's maximum is 1,032, for constant content; usage has varying times."""


def unpacked(name: str, raw: io.BufferedReader) -> io.BufferedReader:
    """Read the content of a gzip stream.

    Raises
    ------
    EOFError, OSError, zlib.error
        While reading: it is cut off or damaged.
    UserMistakeError
        While reading: it unpacks to implausibly many bytes.
    """
    return io.BufferedReader(_Unpacked(name, raw), _BUFFER)


class _Counted:
    """The packed bytes, counted as they are read."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw, self.count = raw, 0

    def read(self, size: int) -> bytes:
        content = self._raw.read(size)
        self.count += len(content)
        return content


class _Unpacked(io.RawIOBase):
    """The bytes that were packed."""

    def __init__(self, name: str, raw: io.BufferedReader) -> None:
        super().__init__()
        self._name, self._packed, self._count = name, _Counted(raw), 0
        self._plain = gzip.GzipFile(fileobj=cast("IO[bytes]", self._packed), mode="rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        read = self._plain.readinto(buffer)
        self._count += read
        if self._count > max(_HARMLESS, _MOST_UNPACKED * self._packed.count):
            raise UserMistakeError(
                f"{self._name} unpacks to more than {_MOST_UNPACKED} times its size, which is not plausible for usage\n"
                "if this is intended, import it unpacked"
            )
        return read
