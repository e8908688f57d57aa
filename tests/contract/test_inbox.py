"""What the bucket of dropped files promises, fake or real: versions are told apart, and read as streams."""

import gzip
import io
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from urllib3.exceptions import ProtocolError

from monthclose.adapters.aws.clients import client
from monthclose.bootstrap import Runtime
from monthclose.domain.errors import UserMistakeError
from monthclose.errors import TryLaterError
from monthclose.use_cases.imports.tables import read_table
from tests.contract.conftest import AnyWorld
from tests.fakes.inbox import FakeInbox

KEY = "usage/a.csv"


def drop(world: AnyWorld, content: bytes, **metadata: str) -> str:
    if isinstance(world.inbox, FakeInbox):
        return world.inbox.drop(KEY, content, **metadata)
    sent = {name.replace("_", "-", 1): value for name, value in metadata.items()}
    answer = boto3.client("s3").put_object(Bucket="usage-files", Key=KEY, Body=content, Metadata=sent)
    return str(answer["VersionId"])


def withdraw(world: AnyWorld) -> None:
    if isinstance(world.inbox, FakeInbox):
        world.inbox.withdraw(KEY)
    else:
        world.inbox.delete(KEY)


def read(world: AnyWorld, version: str) -> tuple[bytes, dict[str, str]]:
    with world.inbox.open(KEY, version) as arrival:
        return arrival.stream.read(), dict(arrival.metadata)


def test_each_version_is_read_with_its_metadata(world: AnyWorld) -> None:
    assert world.inbox.latest(KEY) == ""
    first = drop(world, b"first", map_sku="Article")
    assert world.inbox.latest(KEY) == first
    second = drop(world, b"second")
    assert world.inbox.latest(KEY) == second != first
    assert read(world, first) == (b"first", {"map-sku": "Article"})
    assert read(world, second) == (b"second", {})


def test_a_deleted_object_has_no_latest_version_and_its_earlier_ones_are_read(world: AnyWorld) -> None:
    version = drop(world, b"content")
    withdraw(world)
    assert world.inbox.latest(KEY) == ""
    assert read(world, version)[0] == b"content"


def test_all_versions_are_listed_with_their_size_and_which_is_the_latest(world: AnyWorld) -> None:
    assert list(world.inbox.arrived("usage/")) == []
    first, second = drop(world, b"first"), drop(world, b"second one")
    found = {each.version: (each.key, each.size, each.latest) for each in world.inbox.arrived("usage/")}
    assert found == {first: (KEY, 5, False), second: (KEY, 10, True)}
    assert list(world.inbox.arrived("usage/b")) == []
    withdraw(world)
    assert [each.latest for each in world.inbox.arrived("usage/")] == [False, False]


def test_however_many_versions_there_are_all_are_listed(aws: Runtime) -> None:
    for number in range(1005):
        aws.inbox.put(f"usage/{number:04}.csv", b"")
    assert [each.key for each in aws.inbox.arrived("usage/")] == [f"usage/{number:04}.csv" for number in range(1005)]


def test_a_version_that_is_gone_is_requested_again(world: AnyWorld) -> None:
    drop(world, b"content")
    with pytest.raises(TryLaterError), world.inbox.open(KEY, "no-such-version"):
        pass


def test_rows_are_read_from_a_version_compressed_or_not(world: AnyWorld) -> None:
    text = b"a,b\n" + b"1,2\n" * 50_000
    for content in (text, gzip.compress(text)):
        version = drop(world, content)
        with world.inbox.open(KEY, version) as arrival:
            table = read_table("a.csv", arrival.stream)
            assert sum(1 for _ in table.rows) == 50_000


def test_an_object_of_ours_is_written_in_pieces_read_by_lines_and_deleted(world: AnyWorld) -> None:
    world.inbox.write("rejects/a", (b"%07d\n" % number for number in range(1000)))
    assert [int(line) for line in world.inbox.lines("rejects/a")] == list(range(1000))
    world.inbox.delete("rejects/a")
    assert not world.inbox.has("rejects/a")
    world.inbox.delete("rejects/a")


def test_more_than_an_upload_holds_is_written_in_parts(aws: Runtime) -> None:
    aws.inbox.write("rejects/large", (bytes([number]) * 1_000_000 for number in range(20)))
    content = aws.inbox.get("rejects/large")
    assert len(content) == 20_000_000
    assert content[::1_000_000] == bytes(range(20))


class Broken(io.BytesIO):
    """A connection that breaks off after some bytes."""

    def __init__(self, content: bytes, after: int) -> None:
        super().__init__(content)
        self._left = after

    def read(self, size: int | None = -1) -> bytes:
        if not self._left:
            raise ProtocolError("reset by peer")
        content = super().read(min(self._left, size) if size and size > 0 else self._left)
        self._left -= len(content)
        return content


@pytest.mark.parametrize("after", [0, 1, 700_000])
def test_a_connection_that_breaks_off_is_resumed_where_it_was(
    aws: Runtime, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    content = bytes(number % 251 for number in range(3_000_000))
    version, asked = drop(aws, content), list[str]()
    original = client("s3").get_object

    def breaking(**arguments: Any) -> Any:
        asked.append(arguments.get("Range", ""))
        answer = original(**arguments)
        if len(asked) < 3:
            rest = answer["Body"].read()
            answer["Body"] = StreamingBody(Broken(rest, after), len(rest))
        return answer

    monkeypatch.setattr(client("s3"), "get_object", breaking)
    assert read(aws, version)[0] == content
    assert asked == ["", f"bytes={after}-", f"bytes={2 * after}-"]


def test_a_connection_that_keeps_breaking_is_tried_again_later(aws: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    version, original = drop(aws, b"content"), client("s3").get_object

    def breaking(**arguments: Any) -> Any:
        answer = original(**arguments)
        return answer | {"Body": StreamingBody(Broken(b"", 0), 7)}

    monkeypatch.setattr(client("s3"), "get_object", breaking)
    with pytest.raises(TryLaterError, match="keeps breaking off after 0 bytes of 7"):
        read(aws, version)


def test_metadata_that_s3_cannot_show_is_the_senders_mistake(aws: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    version, original = drop(aws, b"content"), client("s3").get_object
    monkeypatch.setattr(client("s3"), "get_object", lambda **wanted: original(**wanted) | {"MissingMeta": 2})
    with pytest.raises(UserMistakeError, match="2 of the object's metadata cannot be read"):
        read(aws, version)


def test_an_object_archived_by_its_sender_is_the_senders_mistake(aws: Runtime) -> None:
    given = {"Bucket": "usage-files", "Key": KEY, "Body": b"content", "StorageClass": "GLACIER"}
    version = str(client("s3").put_object(**given)["VersionId"])
    with pytest.raises(UserMistakeError, match="archived by its storage class"):
        read(aws, version)
