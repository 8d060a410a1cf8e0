"""The command `python -m editorial.build`: parses the dbt project, so that loading definitions does not have to.

Run after the environment is installed and wherever models were changed: by `make install`, `make up`, `make reload` and
the image's build. Needs no database. What it makes lies in `dbt/target/`: the manifest that assets are made from, dbt's
own parse that runs start from, and a stamp of the sources, by which a manifest that is out of date is found.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).parent / "dbt"
TARGET = PROJECT / "target"
MANIFEST = TARGET / "manifest.json"
_STAMP = TARGET / "sources.sha256"
_MADE = ["partial_parse.msgpack", "manifest.json"]


class ManifestError(RuntimeError):
    """There is no manifest, or one of other models than these."""


def manifest() -> Path:
    """Return the path of the manifest.

    Raises:
        ManifestError: it is missing, or was made from other sources.
    """
    if not MANIFEST.exists() or not _STAMP.exists():
        problem = f"{MANIFEST} is missing"
    elif _STAMP.read_text() != _digest():
        problem = f"{MANIFEST} is older than the models"
    else:
        return MANIFEST
    raise ManifestError(f"{problem}: run `python -m editorial.build` in the location's environment.")


def build() -> bool:
    """Parse the project unless that was done; return whether it was necessary.

    Raises:
        ManifestError: dbt refuses the project; the message is dbt's.
    """
    try:
        manifest()
    except ManifestError:
        _parse()
        return True
    return False


def _parse() -> None:
    digest = _digest()
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        places = [
            "--project-dir",
            PROJECT,
            "--profiles-dir",
            PROJECT,
            "--target-path",
            folder,
            "--log-path",
            folder,
        ]
        command = [dbt_program(), "--no-use-colors", "parse", *places]
        quiet = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ManifestError(f"dbt can't parse {PROJECT}:\n{done.stdout}{done.stderr}")
        # Each at once, and the stamp last: whoever builds at the same time makes the same files.
        for name in _MADE:
            Path(folder, name).replace(TARGET / name)
        Path(folder, "stamp").write_text(digest)
        Path(folder, "stamp").replace(_STAMP)


def dbt_program() -> Path:
    """Return dbt's program of this environment; PATH may name another one."""
    return Path(sys.executable).with_name("dbt")


def _digest() -> str:
    """Return what tells one state of the sources, and of dbt, from another."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-postgres')}".encode())
    for file in sorted(PROJECT.rglob("*")):
        if file.is_file() and TARGET not in file.parents:
            digest.update(f"\n{file.relative_to(PROJECT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Run the command; return its exit code: 0, or 1 with dbt's words on stderr."""
    try:
        print("dbt project parsed" if build() else "dbt project is parsed already")  # noqa: T201 - a command
    except ManifestError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
