"""``python -m sandbox``: run the fake payment providers until SIGTERM or Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from sandbox.chaos.limits import Limit
from sandbox.chaos.plan import CALM, Plan, load_plan, read_limits
from sandbox.clock import ClockFile
from sandbox.desk import Desk
from sandbox.mounts import ENDPOINTS, MOUNTS, make_providers
from sandbox.reading import PlanError
from sandbox.web.server import HOST, CannotListenError, Server, create_app, listen


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox; return the process's exit code."""
    options = _parser().parse_args(arguments)
    secrets = {"stripe": options.api_key, **dict(options.key)}
    desk = Desk(options.seed, ClockFile(options.clock_file) if options.clock_file else time.time)
    desk.latency.set(options.latency_ms)
    desk.begin(options.chaos)
    desk.limiter.update(dict(options.rate_limit))
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
        for name, mount in MOUNTS.items():
            path = "" if name == "stripe" else mount.prefix  # Stripe's SDK adds /v1 by itself
            _say(f"{mount.title} is at http://{HOST}:{port}{path} (key {secrets.get(name, mount.secret)})")

    # uvicorn ends at these signals and then raises them again for the handlers it found: ours ignore them, so that the
    # process ends with 0 as somebody asked it to.
    for asked_to_end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_end, lambda _number, _frame: None)
    try:
        Server(create_app(make_providers(desk, secrets), desk), on_ready).run([listener])
    finally:
        listener.close()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
    _say("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Fake payment providers on 127.0.0.1.")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--ready-file", type=_file, help="file to write the port to once the sandbox is ready")
    parser.add_argument("--api-key", default=MOUNTS["stripe"].secret, help="Stripe's secret key (default: %(default)s)")
    parser.add_argument(
        "--key",
        type=_key,
        action="append",
        default=[],
        metavar="PROVIDER=KEY",
        help="key to accept for another provider",
    )
    parser.add_argument("--chaos", type=_plan, default=CALM, metavar="FILE", help="chaos plan (see docs/sandbox.md)")
    parser.add_argument(
        "--rate-limit",
        type=_rate_limit,
        action="append",
        default=[],
        metavar="PROVIDER=RATE[/ACCOUNT]",
        help="requests a second allowed per endpoint, and in total; stripe=25/100 is Stripe's own limit",
    )
    parser.add_argument(
        "--latency-ms",
        type=_milliseconds,
        default=0,
        help="median response time in milliseconds (default: %(default)s)",
    )
    parser.add_argument(
        "--clock-file", type=_file, help="file that says how far the clock is ahead (see docs/sandbox.md)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the latencies, so that a run can be repeated (default: %(default)s)",
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port: use 0 to 65535")
    return port


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is not a folder")
    return path


def _milliseconds(text: str) -> float:
    milliseconds = float(text)
    if not 0 <= milliseconds < 600_000:
        raise argparse.ArgumentTypeError(f"{text} is not a latency: use 0 to 600000 milliseconds")
    return milliseconds


def _plan(text: str) -> Plan:
    try:
        return load_plan(Path(text), ENDPOINTS)
    except PlanError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _key(text: str) -> tuple[str, str]:
    provider, _, key = text.partition("=")
    if provider not in MOUNTS or not key:
        raise argparse.ArgumentTypeError(f"{text} is not PROVIDER=KEY; the providers are {', '.join(MOUNTS)}")
    return provider, key


def _rate_limit(text: str) -> tuple[str, Limit]:
    provider, _, rates = text.partition("=")
    rate, _, account = rates.partition("/")
    try:
        given = {"rate": rate, "account_rate": account}
        limit = {name: float(value) for name, value in given.items() if value}
        return provider, read_limits({provider: limit}, ENDPOINTS)[provider]
    except ValueError as error:  # no number, or a PlanError
        raise argparse.ArgumentTypeError(f"{text} is not a limit: {error}") from error


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
