"""Objects in S3 as streams, and S3's errors translated into ours."""

import io
from collections.abc import Buffer, Callable, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.errors import TryLaterError

_RESUMES = 5
"""How often in a row a broken connection is resumed without any progress."""


def translated[T](call: Callable[..., T], **arguments: Any) -> T:
    """Call S3 and translate its errors; a missing object is a `KeyError`."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion", "404"):
            raise KeyError(arguments["Key"]) from None
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:  # SlowDown, InternalError
            raise TryLaterError(f"S3 is briefly unavailable: {error}") from error
        raise
    except BotoCoreError as error:
        raise TryLaterError(f"S3 cannot be reached: {error}") from error


class ObjectStream(io.RawIOBase):
    """An object's bytes as they come."""

    def __init__(self, wanted: dict[str, str], answer: dict[str, Any]) -> None:
        super().__init__()
        self._wanted, self._body = wanted, answer["Body"]
        self._size, self._position = int(answer["ContentLength"]), 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read what comes next; a connection that breaks off is resumed."""
        view = memoryview(buffer)
        for _ in range(_RESUMES):
            try:
                content = self._body.read(len(view))
            except (BotoCoreError, OSError):
                self._resume()
                continue
            if not content and self._position < self._size and view:
                self._resume()
                continue
            view[: len(content)] = content
            self._position += len(content)
            return len(content)
        raise TryLaterError(f"reading from S3 keeps breaking off after {self._position} bytes of {self._size}")

    def _resume(self) -> None:
        self._body.close()
        rest = f"bytes={self._position}-"
        self._body = translated(client("s3").get_object, **self._wanted, Range=rest)["Body"]

    def close(self) -> None:
        """Close the connection."""
        if not self.closed:
            self._body.close()
        super().close()


class PieceStream(io.RawIOBase):
    """The pieces as one stream."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces, self._rest = iter(pieces), b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read from the piece under way, or the next one."""
        view = memoryview(buffer)
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        content, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(content)] = content
        return len(content)
