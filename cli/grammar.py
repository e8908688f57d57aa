"""The classes behind the commands: they read arguments without loading what only some need, and lay out the help."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import typer

from cli.exit_status import ExitStatus

PANELS = {
    "A month": ("plan", "close", "status", "report", "pack", "closes", "prove", "reconcile", "providers"),
    "Steering a close": ("approve", "pause", "resume", "stop", "parked", "list", "retry", "collect"),
    "Data": ("import", "sources", "usage"),
    "One customer": (
        *("customer", "pay", "payments", "credit", "refund", "write-off", "hold", "release"),
        *("receipt", "statement", "focus"),
    ),
    "Invoices": ("invoice",),
    "Looking back": ("audit",),
    "In a browser": ("dashboard",),
    "Backups": ("restore",),
    "This machine": ("demo", "local"),
}
"""The commands as the help lists them. A command without a panel fails a test."""
_REQUIRED = re.compile(r"\{(\w+)\}")
_KINDS = {"argument": "Arguments", "option": "Options"}


class _Reader:
    """Takes text as it was typed; numbers, files and choices are read by pydantic, which is a third of a start.

    Parameters
    ----------
    pydantics : Callable
        Makes the parameter's own reader.
    """

    def __init__(self, pydantics: Callable[[], Any]) -> None:
        self._pydantics = pydantics

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Read a value; what was not given, and what needs no reading, stays as it is."""
        if type(value) in (type(None), param.type_descriptor.annotation):
            return value
        try:
            return self._pydantics().coerce(value, param=param, ctx=ctx)
        except typer.BadParameter:
            from cli.typed import mistyped  # noqa: PLC0415 - only where something is mistyped

            raise mistyped(param, str(value), ctx) from None


def _read_quickly(params: list[Any]) -> list[Any]:
    for param in params:
        if param.nargs == 1 and not param.multiple and not isinstance(param.get_runtime_param, partial):
            param.get_runtime_param = partial(_Reader, param.get_runtime_param)
    return params


def _write_parameters(params: Iterable[Any], ctx: Any, formatter: Any) -> None:
    records: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
    for param in params:
        record = param.get_help_record(ctx)
        if record is not None:
            name, said = record
            is_argument = param.param_type_name == "argument"
            # The name of an argument says what it is; its Python type says nothing more.
            records[param.param_type_name].append((name.partition(" <")[0] if is_argument else name, said))
    for kind, rows in records.items():
        if rows:
            with formatter.section(_KINDS[kind]):
                formatter.write_dl(rows)


class Command(typer.core.TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """List the parameters, `--help` included."""
        return _read_quickly(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed; an option is never another one's value, as in `--reason --no-mail`."""
        options = {name: param for param in self.get_params(ctx) for name in param.opts}
        for name, value in pairwise(args):
            if name == "--":
                break
            if name in options and not options[name].is_flag and value in options:
                ctx.fail(f"Option '{name}' requires an argument.")
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """List what follows the command's name; required arguments are plain, others in one pair of brackets."""
        pieces = (_REQUIRED.sub(r"\1", piece) for piece in super().collect_usage_pieces(ctx))
        return [piece.replace("[[", "[").replace("]]", "]").replace("…]...", "…]") for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options."""
        _write_parameters(self.get_params(ctx), ctx, formatter)


class Group(typer.core.TyperGroup):
    """A group of commands whose help lists each with the first sentence of its own."""

    def get_params(self, ctx: Any) -> list[Any]:
        """List the parameters, `--help` included."""
        return _read_quickly(super().get_params(ctx))

    @property
    def panels(self) -> Mapping[str, Sequence[str]]:
        """The headings of the help, and the commands below each."""
        return {"Commands": list(self.commands)}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """List the commands in the order of the help."""
        return [name for names in self.panels.values() for name in names]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        _write_parameters(self.get_params(ctx), ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the commands, panel by panel, in columns that all panels share."""
        width = max(map(len, self.commands))
        for panel, names in self.panels.items():
            with formatter.section(panel):
                formatter.write_dl(
                    [(name.ljust(width), first_sentence(self.commands[name].help or "")) for name in names]
                )


def first_sentence(help_text: str) -> str:
    """Take the part of a command's help that a list of commands shows."""
    return " ".join(help_text.partition("\n\n")[0].split()).partition(". ")[0].removesuffix(".") + "."


class TopGroup(Group):
    """The command `monthclose` as its help shows it."""

    panels = PANELS

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the exit statuses."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status.value), status.meaning) for status in ExitStatus])
