"""The state folder: what the command keeps on this machine. Nothing in it is needed on AWS."""

import os
import time
import traceback
from pathlib import Path


def home() -> Path:
    """Name the state folder: `MONTHCLOSE_HOME`, or `.monthclose` in the present folder."""
    return Path(os.environ.get("MONTHCLOSE_HOME") or ".monthclose").absolute()


def folder(name: str) -> Path:
    """Make a folder below the state folder; only its owner can read it, for customers' data may lie there."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home() / name
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_traceback(error: BaseException) -> Path:
    """Keep the traceback of an unexpected error where a person can find it."""
    path = folder("logs") / f"error-{time.strftime('%Y%m%dT%H%M%S')}.txt"
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return path


def shown(path: Path) -> str:
    """Write a path as a person would: relative if it lies below the present folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
