"""A container engine where there is none: Debian's packages installed and its daemon started, as root on Debian.

Does not belong here: choosing among the clients of a machine that has an engine (`engine`).
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from slipway.cache import cache_folder
from slipway.cluster import bounded_runtime, machine
from slipway.cluster.engine import Engine, find_engine
from slipway.cluster.errors import EngineError
from slipway.errors import indented
from slipway.progress import Steps

PACKAGES = ("docker.io", "iptables", "mmdebstrap")
_START_SECONDS = 60


def ensure_engine(steps: Steps) -> Engine:
    """Return the engine's client; where there is no engine and we may, install and start one.

    Raises:
        EngineError: there is none, and this is not Debian, or we are not root, or it does not start.
        ClusterError: Debian's packages could not be installed.
    """
    try:
        engine = find_engine()
    except EngineError:
        if os.geteuid() or not machine.is_debian():
            raise
    else:
        _ensure_mmdebstrap(steps)
        return engine
    if not _has_packages():
        with steps.step("Container engine, from Debian's packages") as say:
            _install(PACKAGES, say)
    with steps.step("Start the container engine") as say:
        start(say)
    return find_engine()


def start(say: Callable[[str], None], *options: str) -> None:
    """Start dockerd, and wait until it answers: by systemd where that runs, else as a process of its own.

    `options` are more of dockerd's, and mean a process of its own.

    Raises:
        EngineError: it does not answer within a minute; the message has the end of its log.
    """
    if Path("/run/systemd/system").exists() and not options:
        subprocess.run(["systemctl", "enable", "--now", "docker"], check=False)
        _wait(say, Path("/dev/null"), None, ())
        return
    log = cache_folder() / "engine" / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        # A session of its own: it outlives the command that started it, and Ctrl-C.
        daemon = subprocess.Popen(
            ["dockerd", *_runtime_options(log.parent), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    host = [option.partition("=")[2] for option in options if option.startswith("--host=")]
    _wait(say, log, daemon, host)


def runtime_wrapper(folder: Path) -> Path:
    """Write the runtime that asks for no capability which the machine has not, as a program in `folder`.

    Written with the interpreter's path in it: the daemon has neither our PATH nor our environment.
    """
    wrapper = folder / "runc-bounded"
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    runc = shutil.which("runc", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "/usr/sbin/runc"
    folder.mkdir(parents=True, exist_ok=True)
    program = Path(bounded_runtime.__file__).read_text().replace("@RUNC@", runc)
    wrapper.write_text(f"#!{interpreter} -IS\n{program}")
    wrapper.chmod(0o755)
    return wrapper


def _runtime_options(folder: Path) -> list[str]:
    # `docker run --privileged` asks for every capability that docker knows; without one of them runc fails with "unable
    # to apply caps: operation not permitted".
    _, missing = bounded_runtime.split(bounded_runtime.bounding_set())
    if not missing:
        return []
    return [f"--add-runtime=bounded={runtime_wrapper(folder)}", "--default-runtime=bounded"]


def _wait(
    say: Callable[[str], None],
    log: Path,
    daemon: "subprocess.Popen[bytes] | None",
    hosts: list[str] | tuple[()],
) -> None:
    client = shutil.which("docker", path="/usr/bin:" + os.environ.get("PATH", "")) or "docker"
    ask = [client, *(f"--host={host}" for host in hosts), "info"]
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and (daemon is None or daemon.poll() is None):
        if not subprocess.run(ask, capture_output=True, check=False).returncode:
            return
        say("waiting for dockerd")
        time.sleep(0.5)
    raise EngineError(
        f"dockerd does not run. The end of its log:\n{indented(log.read_text())}",
        f"Its log is {log}. It needs cgroups mounted, and the right to mount and to change iptables.",
    )


def _has_packages() -> bool:
    return all(shutil.which(program) for program in ("dockerd", "iptables", "mmdebstrap"))


def _ensure_mmdebstrap(steps: Steps) -> None:
    # Our images are made with it; who can pull images does without.
    if shutil.which("mmdebstrap") or os.geteuid() or not machine.is_debian():
        return
    with steps.step("mmdebstrap, from Debian's packages") as say:
        _install(("mmdebstrap",), say)


def _install(packages: tuple[str, ...], say: Callable[[str], None]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
    ):
        machine.follow(
            command,
            say,
            title=f"{' '.join(packages)} could not be installed",
            environment=environment,
            interesting=lambda line: (
                line.strip() if line.startswith(("Get:", "Unpacking", "Setting up")) else ""
            ),
        )
