"""The bucket that usage files are dropped into."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.s3 import READ_AHEAD, S3Documents
from monthclose.adapters.aws.s3_streams import ObjectStream, translated
from monthclose.domain.errors import UserMistakeError
from monthclose.errors import TryLaterError
from monthclose.ports import Arrival
from monthclose.ports.inbox import Arrived


class S3Inbox(S3Documents):
    """`Inbox` on S3."""

    def latest(self, key: str) -> str:
        """Read which version a plain read would return."""
        try:
            head = translated(client("s3").head_object, Bucket=self._bucket, Key=key)
        except KeyError:
            return ""
        return str(head["VersionId"])

    def arrived(self, prefix: str) -> Iterator[Arrived]:
        """List, a thousand with a request."""
        after: dict[str, str] = {}
        while True:
            page = translated(client("s3").list_object_versions, Bucket=self._bucket, Prefix=prefix, **after)
            for found in page.get("Versions", ()):
                yield Arrived(found["Key"], found["VersionId"], found["LastModified"], found["Size"], found["IsLatest"])
            if not page.get("IsTruncated"):
                return
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

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
        with ObjectStream(wanted, answer) as raw, io.BufferedReader(raw, READ_AHEAD) as stream:
            yield Arrival(stream, {name.lower(): value for name, value in answer["Metadata"].items()})

    def delete(self, key: str) -> None:
        """Delete it; its earlier versions stay."""
        translated(client("s3").delete_object, Bucket=self._bucket, Key=key)
