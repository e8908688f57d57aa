"""From a command's signature to its work: the module with the work is imported when the command runs, not before."""

import inspect
from collections.abc import Callable
from functools import wraps
from importlib import import_module

WORK = "__monthclose_work__"
"""The attribute of a command's function that names its work, for tests."""


def runs[**P](work: str, *, changes: bool = False) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Let a signature run a function of another module, with the same arguments.

    Signature, help and completion need none of what a command works with (AWS, tables, the use cases), so they start
    in a fraction of the time.

    Parameters
    ----------
    work : str
        `module:function`.
    changes : bool
        The command changes something: who does it is decided here (`--by`, or the user's name). The function is told,
        and records it in the audit trail before it changes anything.
    """

    def decorate(signature: Callable[P, None]) -> Callable[P, None]:
        @wraps(signature)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            given = dict(inspect.signature(signature).bind(*args, **kwargs).arguments)
            if changes:
                from cli.identity import somebody  # noqa: PLC0415 - only where something changes

                given["by"] = somebody(given.get("by", ""))
            load(work)(**given)

        setattr(run, WORK, work)
        return run

    return decorate


def load(work: str) -> Callable[..., None]:
    """Import a command's work, `module:function`."""
    module, _, name = work.partition(":")
    function: Callable[..., None] = getattr(import_module(module), name)
    return function
