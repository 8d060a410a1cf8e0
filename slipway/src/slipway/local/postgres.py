"""The local Postgres: its data directory, its configuration, its roles and databases.

Listens on the loopback interface and a Unix socket, asks for a password on both, and never runs as
root. Starting and stopping the process is `supervision`'s business.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from slipway.local.errors import LocalPlatformError
from slipway.local.ports import HOST
from slipway.local.secrets import Secrets
from slipway.local.state import LONGEST_SOCKET_FOLDER, StateFolder

SUPERUSER = "postgres"
DAGSTER = "dagster"
# Where data and programs go when root starts the platform below a folder that the dropped user can't enter.
_SYSTEM_FOLDER = Path("/var/lib/slipway")
_HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Postgres:
    """A Postgres that may or may not run.

    Attributes:
        binaries: folder of `postgres` and `initdb`.
        data: the data directory itself (never a link).
        port: where it listens on the loopback interface.
        user: the operating system's user that it runs as, or None for the user who calls.
    """

    binaries: Path
    data: Path
    port: int
    user: str | None

    @property
    def sockets(self) -> Path | None:
        """Folder of the Unix socket; None where its path would be too long for one."""
        folder = self.data.with_name(self.data.name + "-socket")
        return folder if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER else None

    def url(self, role: str, password: str, database: str) -> str:
        """Return a libpq URL over the loopback interface."""
        return f"postgresql://{quote(role)}:{quote(password)}@{HOST}:{self.port}/{quote(database)}"

    def command(self) -> list[str]:
        """Return the argv that runs the server in the foreground, with privileges dropped."""
        sockets = ["-k", str(self.sockets)] if self.sockets else []
        start = [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), *sockets]
        return [*_dropped(self.user), *start]


def prepare(state: StateFolder, binaries: Path, port: int, secrets: Secrets) -> Postgres:
    """Create the data directory if there is none, and return the server to start.

    Raises:
        LocalPlatformError: the data directory was made by another major version, or initdb failed.
    """
    user = _unprivileged_user()
    data = _home(state, user)
    if user and not _can_enter(binaries, user):
        binaries = _copy_binaries(binaries)
    server = Postgres(binaries=binaries, data=data, port=port, user=user)
    if not (data / "PG_VERSION").exists():
        _initialise(server, secrets.postgres_password)
    _check_version(server)
    if server.sockets:
        server.sockets.mkdir(exist_ok=True, mode=0o700)
        if user:
            shutil.chown(server.sockets, user)
    if data != state.postgres and not state.postgres.is_symlink():
        state.postgres.symlink_to(data)
    return server


def ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    """Create the login role, or set its password anew."""
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(verb, sql.Identifier(role), sql.Literal(password)))


def ensure_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    """Create the database, owned by `owner` and open to nobody else, if there is none."""
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def ensure_reader(server: Postgres, secrets: Secrets, database: str, owner: str, reader: str) -> None:
    """Let `reader` read every present and future table that `owner` has in `database`, and nothing else."""
    with connect(server, secrets, database) as connection:
        names = {
            "db": sql.Identifier(database),
            "owner": sql.Identifier(owner),
            "reader": sql.Identifier(reader),
        }
        for statement in (
            "GRANT CONNECT ON DATABASE {db} TO {reader}",
            "GRANT USAGE ON SCHEMA public TO {reader}",
            "GRANT CREATE, USAGE ON SCHEMA public TO {owner}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {reader}",
        ):
            connection.execute(sql.SQL(statement).format(**names))


def connect(server: Postgres, secrets: Secrets, database: str = "postgres") -> psycopg.Connection:
    """Return an autocommitting connection as superuser."""
    url = server.url(SUPERUSER, secrets.postgres_password, database)
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def data_folder(state: StateFolder) -> Path:
    """Return where the data lies, wherever the link in the state folder points."""
    return state.postgres.resolve()


def _unprivileged_user() -> str | None:
    """Return whom root becomes: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise LocalPlatformError(
        "Postgres can't run as root, and there is neither a user `postgres` nor `nobody` to run it as.",
        "Run `make up` as an ordinary user, or create a user `postgres`.",
    )


def _home(state: StateFolder, user: str | None) -> Path:
    if not user:
        return state.postgres
    if state.postgres.is_symlink():
        return state.postgres.resolve()
    # Passable but not readable: the user that root becomes has to reach its own folder in it.
    state.path.chmod(0o711)
    if subprocess.run([*_dropped(user), "test", "-x", str(state.path)], check=False).returncode == 0:
        return state.postgres
    # Below a private folder (root's home, say) nothing can be reached, so that the data lies elsewhere.
    digest = hashlib.sha256(os.fsencode(state.path)).hexdigest()[:12]
    return _SYSTEM_FOLDER / f"postgres-{digest}"


def _can_enter(folder: Path, user: str) -> bool:
    probe = subprocess.run([*_dropped(user), "test", "-x", str(folder / "postgres")], check=False)
    return probe.returncode == 0


def _copy_binaries(binaries: Path) -> Path:
    """Copy the installation (bin, lib, share) to where the dropped user can read it."""
    digest = hashlib.sha256(os.fsencode(binaries) + str(binaries.stat().st_mtime_ns).encode()).hexdigest()[
        :12
    ]
    target = _SYSTEM_FOLDER / f"postgres-programs-{digest}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        unpacking = Path(tempfile.mkdtemp(dir=target.parent))
        shutil.copytree(binaries.parent, unpacking, dirs_exist_ok=True, symlinks=True)
        unpacking.chmod(0o755)
        unpacking.rename(target)
    return target / "bin"


def _dropped(user: str | None) -> Sequence[str]:
    if not user:
        return []
    group = pwd.getpwnam(user).pw_gid
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs", "--"]


def _initialise(server: Postgres, password: str) -> None:
    """Run initdb beside the final place, so that a half-made data directory is never taken for one."""
    unfinished = server.data.with_name(server.data.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    unfinished.mkdir(mode=0o700)
    password_file = unfinished.with_name(unfinished.name + ".password")
    password_file.write_text(password)
    password_file.chmod(0o600)
    try:
        if server.user:
            for path in (unfinished, password_file):
                shutil.chown(path, server.user)
        arguments = [f"--pgdata={unfinished}", f"--username={SUPERUSER}", f"--pwfile={password_file}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
        command = [*_dropped(server.user), str(server.binaries / "initdb"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise LocalPlatformError(
                f"Postgres could not create its data directory {server.data}:\n{done.stderr.strip()[-1500:]}",
                "Check the free space and the permissions of that folder.",
            )
        (unfinished / "pg_hba.conf").write_text(_HBA)
        (unfinished / "postgresql.auto.conf").write_text(_SETTINGS)
        unfinished.rename(server.data)
    finally:
        password_file.unlink(missing_ok=True)


# One connection per event is Dagster's habit, so connections are plenty; UTC so that days mean the same everywhere.
_SETTINGS = f"""\
listen_addresses = '{HOST}'
max_connections = 200
unix_socket_directories = ''
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
shared_buffers = '128MB'
max_wal_size = '1GB'
"""


def _check_version(server: Postgres) -> None:
    made_by = (server.data / "PG_VERSION").read_text().strip()
    output = subprocess.run(
        [str(server.binaries / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    major = output.split()[2].split(".")[0]
    if made_by != major:
        raise LocalPlatformError(
            f"The data in {server.data} was written by Postgres {made_by}; this is Postgres {major}.",
            "Name the older programs in SLIPWAY_POSTGRES_BIN to keep the data, "
            "or run `make clean` to start with an empty state folder.",
        )
