"""Images in one file: written by an engine, and read by another that can reach neither this one nor its registry.

The file is what `docker save` writes, compressed with gzip; layers that images share are in it once. Does not belong here:
what else goes along (`slipway.deploy.bundle`).
"""

import gzip
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast

from slipway.cluster.engine import Engine
from slipway.errors import indented
from slipway.images.errors import ImageError

Say = Callable[[str], None]
_Stream = IO[bytes] | gzip.GzipFile
_CHUNK = 4 * 2**20
# Layers are mostly machine code and bytecode: higher levels take several times as long for a few per cent.
_LEVEL = 1


def save(engine: Engine, names: Mapping[str, str], file: Path, say: Say) -> None:
    """Write images into `file`, each under another name: `names` has the engine's by the one in the file.

    Raises:
        ImageError: the engine lacks one, or can't write them; nothing is left behind.
    """
    for name, reference in names.items():
        if engine.run("tag", reference, name, check=False).returncode:
            raise ImageError(f"The engine does not have the image {reference}.")
    try:
        with _client(engine, ["save", *names], stdout=subprocess.PIPE) as saving, file.open("wb") as raw:
            with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed:
                _copy(
                    cast("IO[bytes]", saving.stdout),
                    packed,
                    lambda megabytes: say(f"{megabytes} MB of images"),
                )
            _require(saving, "The images can't be written")
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    finally:
        engine.run("rmi", "--no-prune", *names, check=False)


def load(engine: Engine, names: Mapping[str, str], file: Path, say: Say) -> None:
    """Give the engine the images of `file`, each under another name: `names` has the new by the one in the file.

    Raises:
        ImageError: the file has no image of a name, or can't be read.
    """
    try:
        with (
            _client(engine, ["load", "--quiet"], stdin=subprocess.PIPE) as loading,
            gzip.open(file) as packed,
        ):
            pipe = cast("IO[bytes]", loading.stdin)
            try:
                _copy(packed, pipe, lambda megabytes: say(f"{megabytes} MB loaded"))
                pipe.close()
            except BrokenPipeError:
                pass  # The client has gone; what it said is the reason.
            _require(loading, f"The images of {file.name} can't be loaded")
    except (OSError, EOFError) as error:
        raise ImageError(f"{file} can't be read: {error}") from None
    for name, reference in names.items():
        done = engine.run("tag", name, reference, check=False)
        if done.returncode:
            raise ImageError(f"{file.name} has no image {name}.")
    engine.run("rmi", "--no-prune", *names, check=False)


def _client(
    engine: Engine, arguments: list[str], *, stdin: int | None = None, stdout: int | None = None
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [str(engine.client), *arguments],
        env=engine.environment(),
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _require(process: "subprocess.Popen[bytes]", title: str) -> None:
    # The client says little: its pipe can't fill up before it is read.
    said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.wait():
        raise ImageError(f"{title}:\n{indented(said)}")


def _copy(source: _Stream, target: _Stream, say: Callable[[int], None]) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        done += len(chunk)
        say(done // 10**6)
