"""The local AWS's emulator, which also counts the requests that come to it: `python -m counted_emulator`.

It is run in the checkout that is measured, whatever that one's commit is, with this folder on its path.
"""

import json
import os
import runpy
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from ministack import app as emulator

COUNTS_PATH = "/_bench/requests"
_COUNTS: Counter[str] = Counter()
_answer = emulator.app


async def counting(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request as the emulator does, and count it."""
    if scope["type"] != "http":
        await _answer(scope, receive, send)
    elif scope["path"] == COUNTS_PATH:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(_COUNTS).encode()})
    else:
        _COUNTS[_name(scope)] += 1
        await _answer(scope, receive, send)


def _name(scope: Any) -> str:
    headers = dict(scope["headers"])
    target = headers.get(b"x-amz-target", b"").decode()
    if target:
        service, _, operation = target.rpartition(".")
        return f"{service.partition('_')[0]} {operation}"
    if b"amz-sdk-invocation-id" in headers:  # an SDK's: S3, SES, Lambda
        return f"{scope['method']} {'/'.join(scope['path'].split('/')[:3])}"
    return "others"


if __name__ == "__main__":
    emulator.app = counting
    samples: Any = import_module("sitecustomize")  # the one beside this file
    if os.environ.get(samples.FOLDER):
        samples.Sampler(Path(os.environ[samples.FOLDER]) / "the emulator.stacks").start()
    runpy.run_module("sandbox.aws.emulator", run_name="__main__", alter_sys=True)
