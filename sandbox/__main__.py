"""``python -m sandbox``: run the fake payment providers until SIGTERM or Ctrl-C."""

import argparse
import os
import signal
import sys
from pathlib import Path

from sandbox.latency import LogNormalLatency
from sandbox.server import HOST, CannotListenError, Server, create_app, listen
from sandbox.stripe import StripeSandbox
from sandbox.stripe.provider import DEFAULT_API_KEY
from sandbox.wire import Layer, straight_through


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox; return the process's exit code."""
    options = _parser().parse_args(arguments)
    layer: Layer = LogNormalLatency(options.latency_ms, options.seed) if options.latency_ms else straight_through
    stripe = StripeSandbox({options.api_key: "acct_sandbox"}, around_execution=layer)
    try:
        listener = listen(options.port)
    except CannotListenError as error:
        _say(str(error))
        return 1
    port = listener.getsockname()[1]
    ready_file: Path | None = options.ready_file

    def on_ready() -> None:
        if ready_file is not None:
            _write_whole(ready_file, f"{port}\n")
        _say(f"Stripe is at http://{HOST}:{port} (key {options.api_key})")

    # uvicorn ends at these signals and then raises them again for the handlers it found: ours ignore them, so that the
    # process ends with 0 as somebody asked it to.
    for asked_to_end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_end, lambda _number, _frame: None)
    try:
        Server(create_app({"/v1": stripe}), on_ready).run([listener])
    finally:
        listener.close()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
    _say("ended")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Fake payment providers on 127.0.0.1.")
    parser.add_argument("--port", type=_port, default=0, help="0 (the default) lets the system choose")
    parser.add_argument("--ready-file", type=_file, help="gets the port as soon as requests are answered")
    parser.add_argument("--api-key", default=DEFAULT_API_KEY, help="the secret key to accept (%(default)s)")
    parser.add_argument("--latency-ms", type=_milliseconds, default=0, help="median time of an answer (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="repeats the same latencies (%(default)s)")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port: 0 to 65535")
    return port


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is no folder")
    return path


def _milliseconds(text: str) -> float:
    milliseconds = float(text)
    if not 0 <= milliseconds < 600_000:
        raise argparse.ArgumentTypeError(f"{text} is no latency: 0 to 600000 milliseconds")
    return milliseconds


def _write_whole(path: Path, text: str) -> None:
    # Whoever waits for the file must never see it empty.
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="ascii")
    partial.replace(path)


def _say(message: str) -> None:
    sys.stderr.write(f"sandbox: {message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
