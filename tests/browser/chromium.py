"""The Chromium that the tests drive: npm's package has it whole, and the libraries that a bare machine lacks."""

import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--font-render-hinting=none")
_PACKAGE = ROOT / "node_modules" / "@sparticuz" / "chromium"
_UNPACK = """
import {inflate} from "@sparticuz/chromium";
for (const name of ["chromium.br", "fonts.tar.br", "al2023.tar.br"]) {
  await inflate(process.argv[1] + "/bin/" + name);
}
"""
"""It unpacks to the folder for temporary files."""


def launching() -> dict[str, Any]:
    """Say how Playwright starts it.

    `MONTHCLOSE_CHROMIUM` names another one. npm's package is for Linux on x86-64; elsewhere it is the one that
    `playwright install chromium` downloads.
    """
    chosen = os.environ.get("MONTHCLOSE_CHROMIUM")
    if not chosen and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return {"args": list(ARGUMENTS)}
    path = Path(chosen) if chosen else _unpacked()
    environment = dict(os.environ) if chosen else _environment(path)
    return {"executable_path": str(path), "args": list(ARGUMENTS), "env": environment}


@cache
def _unpacked() -> Path:
    """Unpack it, once for each installation of the package: 200 MB, two seconds."""
    made = (_PACKAGE / "package.json").stat().st_mtime_ns
    folder = ROOT / "build" / "chromium" / str(made)
    if not folder.exists():
        unpacked = folder.with_name(f"{folder.name}-{os.getpid()}")
        unpacked.mkdir(parents=True)
        node = Path(sys.executable).with_name("node")
        command = [str(node), "--input-type=module", "-e", _UNPACK, str(_PACKAGE)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(unpacked)}, check=True)
        try:
            unpacked.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(unpacked)
    return folder / "chromium"


def _environment(path: Path) -> dict[str, str]:
    """Let it find the package's libraries and fonts where the machine has none."""
    found = {**os.environ}
    needed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    if "not found" in needed:
        found["LD_LIBRARY_PATH"] = str(path.parent / "al2023" / "lib")
    if not Path("/etc/fonts").exists():
        found["FONTCONFIG_PATH"] = str(path.parent / "fonts")
    return found
