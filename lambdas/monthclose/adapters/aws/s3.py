"""Documents, in their bucket."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.s3_streams import ObjectStream, PieceStream, translated
from monthclose.errors import TryLaterError

READ_AHEAD = 1 << 20
_ONE_UPLOAD = TransferConfig(max_concurrency=2)
"""Pieces wait in memory for their upload, 8 MB each."""


class S3Documents:
    """`Documents` on S3."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object."""
        translated(client("s3").put_object, Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        """Write an object if there is none: S3 decides it (If-None-Match), so of two writers one wins."""
        arguments = {"Bucket": self._bucket, "Key": key, "Body": content, "ContentType": content_type}
        try:
            translated(client("s3").put_object, **arguments, IfNoneMatch="*")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return False
            if code == "ConditionalRequestConflict":
                raise TryLaterError(f"somebody else is writing {key}") from error
            raise
        return True

    def has(self, key: str) -> bool:
        """Request an object's head."""
        try:
            translated(client("s3").head_object, Bucket=self._bucket, Key=key)
        except KeyError:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """List, a thousand with a request."""
        after: dict[str, str] = {}
        while True:
            page = translated(client("s3").list_objects_v2, Bucket=self._bucket, Prefix=prefix, **after)
            yield from (found["Key"] for found in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """Sign a request for an object; it has the signer's permissions, no more."""
        arguments = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": f'inline; filename="{file_name}"',
            "ResponseCacheControl": "private, no-store",
        }
        address: str = client("s3").generate_presigned_url("get_object", Params=arguments, ExpiresIn=seconds)
        return address

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write in parts as the pieces come: rejected rows, or a snapshot, may be more than a function's disk holds."""
        stream = io.BufferedReader(PieceStream(pieces))
        try:
            translated(client("s3").upload_fileobj, Fileobj=stream, Bucket=self._bucket, Key=key, Config=_ONE_UPLOAD)
        except Boto3Error as error:
            raise TryLaterError(f"S3 does not accept objects right now: {error}") from error

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises
        ------
        KeyError
            There is none.
        """
        return self._read(key)

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        """Read a part of an object; nothing where it is shorter than that."""
        try:
            return self._read(key, Range=f"bytes={offset}-{offset + length - 1}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidRange":
                raise
            return b""

    def delete(self, key: str) -> None:
        """Remove an object."""
        translated(client("s3").delete_object, Bucket=self._bucket, Key=key)

    def lines(self, key: str) -> Iterator[bytes]:
        """Read as a stream."""
        wanted = {"Bucket": self._bucket, "Key": key}
        with ObjectStream(wanted, translated(client("s3").get_object, **wanted)) as raw:
            yield from io.BufferedReader(raw, READ_AHEAD)

    def location(self, key: str) -> dict[str, str]:
        """Return where an object is."""
        return {"bucket": self._bucket, "key": key}

    def _read(self, key: str, **more: str) -> bytes:
        def read(**arguments: Any) -> bytes:
            content: bytes = client("s3").get_object(**arguments)["Body"].read()
            return content

        return translated(read, Bucket=self._bucket, Key=key, **more)
