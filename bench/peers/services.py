"""Redis and PostgreSQL for the peers: Debian's programs, without root, in a temporary folder, on Unix sockets.

They are taken from this machine if it has them. Otherwise Debian's packages are unpacked below build/: nothing is
installed. Both run with Debian's defaults but for what their functions name.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers.processes import PROJECT, end, start, wait_until

_UNPACKED = PROJECT / "build" / "debian"
_START_SECONDS = 60
_ONLY_DEPENDS = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]


@dataclass(frozen=True, slots=True)
class Programs:
    """Where a package's programs are, and the environment in which they find their libraries."""

    folder: Path
    environment: Mapping[str, str]


def redis_programs() -> Programs:
    """Find `redis-server` on this machine, or unpack it."""
    return _installed("redis-server", "/usr/bin") or _unpacked("redis-server", "redis-server", "usr/bin")


def postgresql_programs() -> Programs:
    """Find `postgres` and `initdb` on this machine, or unpack them."""
    return _installed("postgres", "/usr/lib/postgresql/*/bin") or _unpacked(
        "postgresql", "postgres", "usr/lib/postgresql/*/bin"
    )


def _installed(program: str, usual: str) -> Programs | None:
    found = shutil.which(program) or next(iter(sorted(Path("/").glob(f"{usual[1:]}/{program}"), reverse=True)), None)
    return Programs(Path(found).resolve().parent, {}) if found else None


def _unpacked(package: str, program: str, folder: str) -> Programs:
    root = _UNPACKED / package
    if not root.exists():
        _unpack(package, root)
    found = next(iter(sorted(root.glob(f"{folder}/{program}"), reverse=True)), None)
    if found is None:
        raise FileNotFoundError(f"Debian's package {package} has no {program} in {folder}: remove {root} and try again")
    libraries = sorted({str(library.parent) for library in root.glob("usr/lib/*-linux-*/*.so*")})
    return Programs(found.parent, {"LD_LIBRARY_PATH": ":".join(libraries)})


def _unpack(package: str, root: Path) -> None:
    """Download a package with what it depends on and this machine lacks, and unpack all of it into a folder."""
    if shutil.which("apt-get") is None:
        raise FileNotFoundError(f"install {package}, which the bench needs: this machine has no apt-get to fetch it")
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_UNPACKED) as scratch:
        downloaded, whole = Path(scratch) / "packages", Path(scratch) / "root"
        downloaded.mkdir()
        subprocess.run(["apt-get", "download", *_missing(package)], cwd=downloaded, check=True, capture_output=True)
        for archive in sorted(downloaded.glob("*.deb")):
            subprocess.run(["dpkg", "-x", archive, whole], check=True)
        whole.rename(root)  # only whole ones are found again


def _missing(package: str) -> Sequence[str]:
    """List a package and all that it depends on, without what is installed."""
    asked = subprocess.run(
        ["apt-cache", "depends", "--recurse", *_ONLY_DEPENDS, package], check=True, capture_output=True, text=True
    )
    # Names stand at the beginning of a line; virtual packages, in angle brackets, have nothing to download.
    names = dict.fromkeys(re.findall(r"^([a-z0-9][a-z0-9.+-]+)$", asked.stdout, re.MULTILINE))
    return [name for name in names if not _has(name)]


def _has(package: str) -> bool:
    state = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package], capture_output=True, check=False
    )
    return state.stdout == b"installed"


class Redis:
    """A Redis server: a message broker must neither forget nor evict, so it writes each change to a file.

    Attributes
    ----------
    socket : Path
    """

    def __init__(self, folder: Path) -> None:
        programs = redis_programs()
        folder.mkdir()
        self.socket = folder / "redis.sock"
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(folder),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        command: list[str | Path] = [programs.folder / "redis-server"]
        for name, value in options.items():
            command += [f"--{name}", value]
        self._process = start(command, folder / "redis.log", programs.environment)
        wait_until(self.socket.exists, _START_SECONDS, "starting Redis")

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def stop(self) -> None:
        """End it."""
        end(self._process)


class PostgreSQL:
    """A PostgreSQL server with an empty database cluster of its own; the superuser is `billing`, without a password.

    Attributes
    ----------
    folder : Path
        Where its socket is: the host to connect to.
    """

    def __init__(self) -> None:
        programs = postgresql_programs()
        # Its user must be able to reach the folder, which those of temporary folders of root can't.
        self.folder = Path(tempfile.mkdtemp(prefix="monthclose-postgresql-"))
        user = _unprivileged()
        if user is not None:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        data, log = self.folder / "data", self.folder / "postgresql.log"
        initdb: list[str | Path] = [
            programs.folder / "initdb",
            "--pgdata",
            data,
            "--username=billing",
            "--auth=trust",
            "--no-sync",
        ]
        initdb += ["--encoding=UTF8", "--locale=C"]
        if start(initdb, log, programs.environment, user=user).wait():
            raise RuntimeError(f"initdb failed: {log.read_text()[-500:]}")
        server: list[str | Path] = [
            programs.folder / "postgres",
            "-D",
            data,
            "-k",
            self.folder,
            "-c",
            "listen_addresses=",
        ]
        self._process = start(server, log, programs.environment, user=user)
        wait_until((self.folder / ".s.PGSQL.5432").exists, _START_SECONDS, "starting PostgreSQL")

    @property
    def pid(self) -> int:
        """The server's process, which starts one for each connection."""
        return self._process.pid

    def stop(self) -> None:
        """End it and forget its data."""
        end(self._process, signal.SIGINT)  # PostgreSQL's fast shutdown
        shutil.rmtree(self.folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd | None:
    """Name the user that PostgreSQL runs as: it refuses to run as root. None for who starts it."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
