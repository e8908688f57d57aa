"""Starts MiniStack with fixes for what this product needs. Every workaround for the emulator is in this folder.

`python -m sandbox.aws.emulator` takes the same environment as `ministack`.
"""

import bisect
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import dynamodb, lambda_svc
from ministack.services.cloudformation import provisioners

from sandbox.aws.http_server import serve_with_uvicorn
from sandbox.aws.mail_events import publish_mail_events
from sandbox.aws.map_results import write_map_results
from sandbox.aws.redrive import Redrive
from sandbox.aws.step_functions import Executions

_RAISED = re.compile(r"^([\w.]+)(?::|$)", re.MULTILINE)
_DIED = re.compile(r"Worker (?:process died|process exited|returned no response)|\[Errno 32\]")
"""What MiniStack says if a function's process was killed: while it worked, while it started, or before it was asked."""


def error_class(log: str) -> str | None:
    """Find the class of the exception that ended a handler, at the end of its log's last traceback."""
    _, found, frames = log.rpartition("Traceback (most recent call last):\n")
    raised = _RAISED.search(frames) if found else None
    return raised[1].rpartition(".")[2] if raised else None


def name_errors() -> None:
    """Name a failed handler's `errorType` as Lambda does: its exception's class; if it was killed, `Runtime.ExitError`.

    MiniStack 1.5.33 calls each of them `Runtime.HandlerError` (or what its own code raised, if the process was killed
    while it started), so that no Retry or Catch of a state machine on an error's name would match.
    """
    original = lambda_svc._execute_function_warm

    def named(func: Any, event: Any, request_id: Any) -> Any:
        result = original(func, event, request_id)
        body = result.get("body")
        if not result.get("error") or not isinstance(body, dict):
            return result
        if _DIED.match(str(body.get("errorMessage"))):
            body["errorType"] = "Runtime.ExitError"
        elif body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = error_class(result.get("log") or "") or body["errorType"]
        return result

    lambda_svc._execute_function_warm = named


class SharedZip:
    """Unpacks an archive once, and gives each that asks links to what is in it.

    MiniStack 1.5.33 unpacks code and layers again for every worker process: thousands of files in its one interpreter,
    while nothing else of it moves.
    """

    _unpacking = threading.Lock()

    def __init__(self, archive: str) -> None:
        self._archive = Path(archive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.unlink(missing_ok=True)

    def namelist(self) -> list[str]:
        """Name nothing: MiniStack checks the names for ones that lead outside, and unpacking does so anyway."""
        return []

    def extractall(self, folder: str) -> None:
        """Link the archive's top entries into a folder."""
        digest = hashlib.sha256(self._archive.read_bytes()).hexdigest()[:16]
        unpacked = Path(tempfile.gettempdir()) / "unpacked" / digest
        with self._unpacking:
            if not unpacked.exists():
                partial = unpacked.with_suffix(".new")
                with zipfile.ZipFile(self._archive) as archive:
                    archive.extractall(partial)
                partial.rename(unpacked)
        for entry in unpacked.iterdir():
            (Path(folder) / entry.name).symlink_to(entry)


def share_unpacked_files() -> None:
    """Let MiniStack's Lambda workers share their unpacked code and layers."""
    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=SharedZip, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )


def hide_other_packages() -> None:
    """Let functions import nothing but Python's own modules, their code and their layers, as on AWS.

    MiniStack 1.5.33 runs them by this program's interpreter, whose packages they would find, too: what the layer misses
    would fail on AWS alone, and SDKs start more slowly where they find packages that they make use of.
    """
    command = [sys.executable, "-I", "-S", "-c", "import json, sys; print(json.dumps(sys.path))"]
    own = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    lambda_runtime._PYTHON_WORKER_SCRIPT = f"import sys\nsys.path = {own!r}\n{lambda_runtime._PYTHON_WORKER_SCRIPT}"


def local_address(function_url: str, port: str) -> str:
    """Turn a function's address at Amazon's into the one that answers on this machine."""
    url_id = function_url.partition("://")[2].partition(".")[0]
    return f"http://127.0.0.1:{port}/_aws/lambda-url/{url_id}/"


def address_functions_here(port: str) -> None:
    """Give stacks function URLs that answer: MiniStack 1.5.33 gives them Amazon's host names."""
    original = provisioners._lambda_url_attributes

    def addressed(config: dict[str, Any]) -> dict[str, Any]:
        attributes: dict[str, Any] = original(config)
        return attributes | {"FunctionUrl": local_address(attributes["FunctionUrl"], port)}

    provisioners._lambda_url_attributes = addressed


class LargePartition(dict[Any, Any]):
    """The items of a large partition, of which a query reads only those that its page can hold."""

    at_least = 20_000
    """Items from which on a partition is large; as many are looked at for a page, which holds 1 MB."""
    after: ContextVar[Any] = ContextVar("after", default=None)
    """The sort key that the query under way continues after."""
    _order: list[Any] | None = None

    def __setitem__(self, key: Any, item: Any) -> None:
        if key not in self:
            self._order = None
        super().__setitem__(key, item)

    def __delitem__(self, key: Any) -> None:
        self._order = None
        super().__delitem__(key)

    def pop(self, *arguments: Any) -> Any:
        """Take an item out."""
        self._order = None
        return super().pop(*arguments)

    def values(self) -> Any:
        """List the items; while a query goes on, those that come next."""
        after = self.after.get()
        if after is None:
            return super().values()
        if self._order is None:
            self._order = sorted(self)
        begin = bisect.bisect_right(self._order, after)
        return [self[key] for key in self._order[begin : begin + self.at_least]]


def query_page_by_page() -> None:
    """Let a query over a large partition cost what its pages cost.

    MiniStack 1.5.33 sorts and filters the whole partition for each page of 1 MB: a month of a million events would
    take hours to read.
    """
    original = dynamodb._query

    def paged(data: dict[str, Any]) -> Any:
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName"))) or {}
        condition = data.get("KeyConditionExpression") or " AND "
        plain = table.get("sk_name") and not data.get("IndexName") and data.get("ScanIndexForward", True)
        if not plain or " AND " in condition:
            return original(data)
        names, values = data.get("ExpressionAttributeNames", {}), data.get("ExpressionAttributeValues", {})
        partition = dynamodb._extract_pk_from_condition(condition, values, names, table["pk_name"])
        bucket = table["items"].get(partition, {})
        if len(bucket) < LargePartition.at_least:
            return original(data)
        if not isinstance(bucket, LargePartition):
            table["items"][partition] = LargePartition(bucket)
        start = data.get("ExclusiveStartKey") or {}
        token = LargePartition.after.set(dynamodb._extract_key_val(start.get(table["sk_name"])))
        try:
            return original(data)
        finally:
            LargePartition.after.reset(token)

    dynamodb._query = paged


def remember_expressions() -> None:
    """Let an expression be read once: MiniStack 1.5.33 reads it again for each item that a query comes to."""
    tokens = lru_cache(_EXPRESSIONS)(dynamodb._tokenize)
    dynamodb._tokenize = lambda expression: list(tokens(expression))
    dynamodb._condition_syntax_error = lru_cache(_EXPRESSIONS)(dynamodb._condition_syntax_error)


_EXPRESSIONS = 4096
"""As many are remembered: values are given beside them, so the code has a few hundred."""

if __name__ == "__main__":
    name_errors()
    write_map_results()
    Redrive().take_over()
    executions = Executions()
    executions.take_over()
    executions.watch()
    query_page_by_page()
    remember_expressions()
    share_unpacked_files()
    hide_other_packages()
    address_functions_here(os.environ["GATEWAY_PORT"])
    publish_mail_events()
    serve_with_uvicorn()
    if os.environ.get("MONTHCLOSE_STRICT"):
        from sandbox.strict.install import install_all
        from sandbox.strict.limits import Limits

        install_all(Limits())
    main()
