"""The machine: its architecture, its distribution, and long commands run on it.

Does not belong here: anything about a cluster or an engine.
"""

import os
import platform
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slipway.cluster.errors import ClusterError
from slipway.errors import indented

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """Return the machine's architecture as images and Go spell it ("amd64")."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def is_debian(release: Path = Path("/etc/os-release")) -> bool:
    """Whether the machine runs Debian."""
    return release.exists() and "ID=debian" in release.read_text().splitlines()


def follow(  # noqa: PLR0913
    command: Sequence[str],
    say: Callable[[str], None],
    *,
    title: str,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
    interesting: Callable[[str], str] = str.strip,
) -> None:
    """Run `command` to its end; `say` is told what `interesting` makes of each line it prints, unless that is empty.

    Args:
        command: the program and its arguments.
        say: told how far it is.
        title: names what is done, for the error ("The node image could not be built").
        environment: all of the command's environment; the process's own by default.
        stdin: text for its standard input.
        interesting: turns a line into news.

    Raises:
        ClusterError: it failed; the message carries the end of its output.
    """
    said: deque[str] = deque(maxlen=25)
    with subprocess.Popen(
        command,
        env=environment or os.environ,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as running:
        if running.stdin:
            running.stdin.write(stdin or "")
            running.stdin.close()
        for line in running.stdout or ():
            said.append(line)
            if news := interesting(line):
                say(news[:80])
    if running.returncode:
        raise ClusterError(f"{title}:\n{indented(''.join(said))}")
