"""The command `monthclose`: puts its commands together, and turns every error into a line and an exit status.

Nothing that a command works with is imported here: `--help`, `--version` and the shell's completion start fast
(`cli.interface`, bench/command_start.py).
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer

from cli.exit_status import ExitStatus
from cli.grammar import Command, Group, TopGroup
from cli.interface import (
    audit,
    customer,
    dashboard,
    finance,
    imports,
    invoice,
    machine,
    month,
    restoring,
    steering,
    usage,
)
from monthclose.errors import BrokeOffError, ProviderRefusedError, TryLaterError, UserMistakeError

_LATER = "try again later; what is done stays done"


class Commands(TopGroup):
    """The top of the command: turns every error into a line for people and an exit status."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options that stand before the command."""
        with _harmless_usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _complain("interrupted")
            raise typer.Exit(ExitStatus.INTERRUPTED) from None
        except BrokenPipeError:  # `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except UserMistakeError as error:
            _complain(str(error))
            raise typer.Exit(ExitStatus.MISTAKE) from None
        except Exception as error:
            with _harmless_usage():
                if _is_typers(error) or os.environ.get("MONTHCLOSE_DEBUG"):
                    raise
            _explain(error)
        raise typer.Exit(ExitStatus.FAILED)


def _explain(error: Exception) -> None:
    if isinstance(error, TryLaterError) and not _is_refused(error):
        _complain(f"{error}\n{_LATER}" if "try again" not in str(error) else str(error))
    elif isinstance(error, ProviderRefusedError | BrokeOffError):
        _complain(str(error))
    else:
        from cli.failures import explained  # noqa: PLC0415 - knows AWS's errors: only where there is an error

        _complain(explained(error))


def _is_refused(error: Exception) -> bool:
    """Whether it is AWS's refusal that looks like trouble which passes."""
    from cli.failures import refusal_behind  # noqa: PLC0415 - knows AWS's errors: only where there is an error

    return refusal_behind(error) is not None


def _complain(text: str) -> None:
    from cli.console import complain  # noqa: PLC0415 - takes 0.1 s: only where something is printed

    complain(text)


@contextmanager
def _harmless_usage() -> Iterator[None]:
    """Let typer's own complaints pass, without what a terminal obeys: they quote what was typed."""
    try:
        yield
    except Exception as error:
        if _is_usage(error):
            from cli.console import harmless  # noqa: PLC0415

            error.message = harmless(error.message)  # type: ignore[attr-defined]
        raise


def _is_usage(error: Exception) -> bool:
    return hasattr(error, "message") and hasattr(error, "exit_code")  # typer's own, which it reports itself


def _is_typers(error: Exception) -> bool:
    return _is_usage(error) or isinstance(error, typer.Exit | typer.Abort)


app = typer.Typer(
    cls=Commands,
    name="monthclose",
    help="Bill every customer of a usage-based company for a month: import, close, see, prove.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - reads e-mail headers, which only this needs

        typer.echo(f"monthclose {version('monthclose')}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    endpoint_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The AWS endpoint, if not Amazon's own: a LocalStack-compatible one."),
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar="MONTHCLOSE_DEPLOYMENT",
            show_envvar=False,
            help="Which deployment, if there are several: its `name` in cdk.json. [env: MONTHCLOSE_DEPLOYMENT]",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if ctx.obj is None:
        ctx.obj = partial(_connect, endpoint_url, deployment)


def _connect(endpoint_url: str | None, deployment: str | None) -> Any:
    from cli.connect import Connector  # noqa: PLC0415 - brings AWS's SDK: only where a command connects

    return Connector(endpoint_url, deployment)()


def _add_commands() -> None:
    commands: list[Callable[..., None]] = [month.plan, month.close, month.status, month.report, month.closes]
    commands += [month.pack, month.prove, steering.approve, steering.pause, steering.resume, steering.stop]
    commands += [steering.parked, steering.retry, steering.collect]
    commands += [
        month.reconcile,
        finance.focus,
        customer.customer,
        customer.pay,
        customer.credit,
        customer.hold,
        customer.release,
        customer.receipt,
        customer.statement,
        customer.refund,
        customer.write_off,
    ]
    commands += [audit.audit, restoring.restore, dashboard.dashboard]
    for command in (*commands, machine.demo):
        app.command(cls=Command)(command)
    app.command("list", cls=Command)(steering.list_customers)
    for group in (
        imports.imports,
        imports.sources,
        usage.usage,
        month.providers,
        customer.payments,
        invoice.invoice,
        machine.local,
    ):
        app.add_typer(group, cls=Group)


_add_commands()


def main() -> None:
    """Run the command."""
    app(prog_name="monthclose")
