"""The command `monthclose`."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from cli.commands import (
    accounts,
    close,
    customer,
    demo,
    import_files,
    imports,
    local,
    providers,
    reconcile,
    report,
    status,
)
from cli.commands.invoice import show as invoice
from cli.connect import Connector, NoSystemError, explain
from cli.console import complain, harmless, say
from cli.home import shown, write_traceback
from monthclose.domain.errors import UserMistakeError
from monthclose.errors import ProviderRefusedError, TryLaterError
from sandbox.local_aws import LocalAwsError

_EPILOG = (
    "Exit status: 0 done; 1 the system failed or cannot be reached; 2 the input cannot be used, or too much of it "
    "was rejected; 3 the period is being closed already; 4 the books do not tie, reconcile found something, or a "
    "payment was not collected, or nobody knows yet; 130 interrupted (a close goes on)."
)
FAILED, MISTAKE, INTERRUPTED = 1, 2, 130


class Commands(typer.core.TyperGroup):
    """The top of the command: turns every error into a line for people and an exit status."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options that stand before the command."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            if _is_usage(error):
                raise _harmless(error) from None
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except UserMistakeError as error:
            complain(str(error))
            raise typer.Exit(MISTAKE) from None
        except (NoSystemError, LocalAwsError, ProviderRefusedError) as error:
            complain(str(error))
        except TryLaterError as error:
            complain(f"{error}\ntry again; what is done stays done")
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            complain(explain(error, os.environ.get("AWS_ENDPOINT_URL", "AWS")))
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as error:
            if _is_usage(error):
                raise _harmless(error) from None
            if isinstance(error, typer.Exit | typer.Abort) or os.environ.get("MONTHCLOSE_DEBUG"):
                raise
            _complain_of_unexpected(error)
        raise typer.Exit(FAILED)


def _complain_of_unexpected(error: Exception) -> None:
    said = f"{type(error).__name__}: {error}"
    try:
        complain(f"{said}\nthis should not happen; the traceback is in {shown(write_traceback(error))}")
    except OSError:
        complain(f"{said}\nthis should not happen; MONTHCLOSE_DEBUG=1 shows the traceback")


def _is_usage(error: Exception) -> bool:
    return hasattr(error, "message") and hasattr(error, "exit_code")  # typer's own, which it reports itself


def _harmless(error: Any) -> Any:
    error.message = harmless(error.message)  # it quotes what was given
    return error


app = typer.Typer(
    cls=Commands,
    name="monthclose",
    help="Bill every customer of a usage-based company for a month: import, close, see, prove.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"monthclose {version('monthclose')}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    endpoint_url: Annotated[
        str | None, typer.Option(help="Where AWS is, if not at Amazon's: a LocalStack-compatible endpoint.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if ctx.obj is None:
        ctx.obj = Connector(endpoint_url)


imports.app.command("taxes")(import_files.taxes)
imports.app.command("logo")(import_files.logo)
app.add_typer(imports.app, name="import")
app.command()(close.close)
app.command()(close.stop)
app.command()(status.status)
app.command()(status.closes)
app.command()(report.report)
app.command()(customer.customer)
app.command()(reconcile.reconcile)
app.add_typer(providers.app, name="providers")
app.add_typer(invoice.app, name="invoice")
app.command()(accounts.pay)
app.command()(accounts.credit)
app.add_typer(accounts.payments, name="payments")
app.command()(accounts.hold)
app.command()(accounts.release)
app.command()(demo.demo)
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command."""
    app(prog_name="monthclose")
