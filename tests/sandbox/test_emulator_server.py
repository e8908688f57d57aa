"""The emulator's HTTP: as MiniStack expects it of Hypercorn."""

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_PROGRAM = """
import asyncio, sys
from hypercorn.config import Config
from sandbox.aws.http_server import serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            print(what, flush=True)
            await send({"type": f"lifespan.{what}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body")
    headers = [(b"content-length", str(len(body)).encode()), (b"date", b"today"), (b"path", scope["raw_path"])]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

config = Config()
config.bind, config.loglevel = [f"127.0.0.1:{sys.argv[1]}", "127.0.0.1:443"], "WARNING"
asyncio.run(serve(app, config))
print("cleaned up", flush=True)
"""


@contextmanager
def _served() -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "startup\n"
    try:
        yield port, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _connected(port: int) -> socket.socket:
    until, pause = time.monotonic() + 20, threading.Event()
    while time.monotonic() < until:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            pause.wait(0.01)
    pytest.fail("nobody listens")


def test_a_large_body_that_waits_for_a_go_ahead_comes_whole_and_the_answer_has_one_date() -> None:
    with _served() as (port, _), _connected(port) as connection:
        body = bytes(range(256)) * 4096
        head = f"PUT /b/a%20b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(25).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(body)
        answer = b""
        while len(answer) < len(body) or not answer.endswith(body):
            answer += connection.recv(1 << 20)
        head_lines = answer[: -len(body)].lower().splitlines()
        assert head_lines[0] == b"http/1.1 200 ok"
        assert [line for line in head_lines if line.startswith((b"date:", b"server:"))] == [b"date: today"]
        assert b"path: /b/a%20b" in head_lines


def test_it_ends_in_order_when_it_is_asked_to() -> None:
    with _served() as (port, process):
        _connected(port).close()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert direct.open(f"http://127.0.0.1:{port}/", timeout=10).status == 200
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert process.stdout
        assert process.stdout.read() == "shutdown\ncleaned up\n"
