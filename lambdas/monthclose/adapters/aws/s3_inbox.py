"""The bucket that usage files are dropped into."""

import io
from collections.abc import Buffer, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.s3 import S3Documents, translated
from monthclose.domain.errors import UserMistakeError
from monthclose.errors import TryLaterError
from monthclose.ports import Arrival

_READ_AHEAD = 1 << 20
_RESUMES = 5
"""How often in a row a broken connection is resumed without any progress."""
_ONE_UPLOAD = TransferConfig(max_concurrency=2)
"""Pieces wait in memory for their upload, 8 MB each."""


class S3Inbox(S3Documents):
    """`Inbox` on S3."""

    def latest(self, key: str) -> str:
        """Read which version a plain read would return."""
        try:
            head = translated(client("s3").head_object, Bucket=self._bucket, Key=key)
        except KeyError:
            return ""
        return str(head["VersionId"])

    @contextmanager
    def open(self, key: str, version: str) -> Iterator[Arrival]:
        """Read with one request, and with others for the rest if it breaks off."""
        wanted = {"Bucket": self._bucket, "Key": key, "VersionId": version}
        try:
            answer = translated(client("s3").get_object, **wanted)
        except KeyError:
            raise TryLaterError(f"version {version} of the file has just been deleted") from None
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidObjectState":
                raise UserMistakeError(
                    "the object is archived by its storage class\ndrop it again with the storage class STANDARD"
                ) from None
            raise
        if answer.get("MissingMeta"):
            raise UserMistakeError(
                f"{answer['MissingMeta']} of the object's metadata cannot be read\nwrite it in ASCII, or encode it by "
                "RFC 2047"
            )
        with _Stream(wanted, answer) as raw, io.BufferedReader(raw, _READ_AHEAD) as stream:
            yield Arrival(stream, {name.lower(): value for name, value in answer["Metadata"].items()})

    def lines(self, key: str) -> Iterator[bytes]:
        """Read as a stream."""
        wanted = {"Bucket": self._bucket, "Key": key}
        with _Stream(wanted, translated(client("s3").get_object, **wanted)) as raw:
            yield from io.BufferedReader(raw, _READ_AHEAD)

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write in parts as the pieces come: rejected rows may be more than a function's disk holds."""
        stream = io.BufferedReader(_Pieces(pieces))
        try:
            translated(client("s3").upload_fileobj, Fileobj=stream, Bucket=self._bucket, Key=key, Config=_ONE_UPLOAD)
        except Boto3Error as error:
            raise TryLaterError(f"S3 does not accept objects right now: {error}") from error

    def delete(self, key: str) -> None:
        """Delete it; its earlier versions stay."""
        translated(client("s3").delete_object, Bucket=self._bucket, Key=key)


class _Stream(io.RawIOBase):
    """An object's bytes as they come."""

    def __init__(self, wanted: dict[str, str], answer: dict[str, Any]) -> None:
        super().__init__()
        self._wanted, self._body = wanted, answer["Body"]
        self._size, self._position = int(answer["ContentLength"]), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
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
        if not self.closed:
            self._body.close()
        super().close()


class _Pieces(io.RawIOBase):
    """The pieces as one stream."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces, self._rest = iter(pieces), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        content, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(content)] = content
        return len(content)
