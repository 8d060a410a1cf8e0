"""Takes out of an installed environment what no running program reads, and makes what is left alike in every build.

`slim.py FOLDER PYPROJECT` runs in the image's build, with nothing but Python's own library. What is left out by default is the
list below; a project adds to it, or takes something back, in its pyproject.toml:

    [tool.slipway.image]
    leave_out = ["botocore/data/*"]
    keep = ["botocore/data/s3/*", "pyarrow/*_s3*"]

Of some packages the bytecode alone is kept (COMPILED): what programs wrote, and tables. Python imports it as it is; a traceback
has files and lines, not their text. `keep` holds for these, too.

Patterns are paths below site-packages; `*` stands for any characters, `/` too. `keep` goes first.

Does not belong here: which packages are installed (the project's lock).
"""

import fnmatch
import os
import struct
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

# 2020-01-01: a file's own time would make of each build another layer.
TIME = 1577836800
LEAVE_OUT = (
    # Sources of extensions, and what compilers and type checkers read.
    *(
        f"*.{suffix}"
        for suffix in ("pyx", "pxd", "pxi", "pyi", "c", "cc", "cpp", "h", "hpp", "a", "lib", "f90")
    ),
    "pyarrow/include/*",
    "pyarrow/src/*",
    "numpy/_core/include/*",
    "numpy/f2py/*",
    # Libraries' own tests; named one by one, because some packages do import a folder of that name.
    *(
        f"{package}/*tests/*"
        for package in (
            "pandas",
            "numpy",
            "pyarrow",
            "matplotlib",
            "mpl_toolkits",
            "psycopg",
            "certifi",
            "greenlet",
        )
    ),
    *(
        f"{package}/*tests/*"
        for package in ("fsspec", "sqlglot", "dlt", "kubernetes", "pendulum", "botocore")
    ),
    "sqlalchemy/testing/*",
    # A server and client protocol, 34 MB.
    *(
        f"pyarrow/{part}"
        for part in ("_flight.*", "flight.py", "libarrow_flight*", "libarrow_python_flight*")
    ),
    # Arrow's own S3 client, 17 MB: slipway's storage goes through obstore. `pyarrow.fs.S3FileSystem` then says that it isn't there.
    "pyarrow/_s3fs.*",
    "pyarrow/libarrow_s3*",
    # The client of Kubernetes a second time, for asyncio, 41 MB: neither Dagster nor slipway imports it.
    "kubernetes/aio/*",
    # Extensions that only the tests of numpy and Arrow load.
    "numpy/_core/_simd.*",
    "numpy/_core/_*_tests.*",
    "pyarrow/_pyarrow_cpp_tests.*",
    # What a browser's debugger reads of the web UI, 22 MB.
    "dagster_webserver/*.map",
    # Example data and fonts of the web back end.
    "matplotlib/mpl-data/sample_data/*",
    "matplotlib/backends/web_backend/*",
)
# Packages whose sources were written by a generator, or are tables of data.
COMPILED = (
    "kubernetes/client/*.py",
    "google/protobuf/*.py",
    "pygments/*.py",
    "wcwidth/*.py",
    "antlr4/*.py",
    "fontTools/*.py",
)
# An environment's scripts for shells, and what its installer notes.
_SCRIPTS = ("activate*", "deactivate*", "pydoc.bat", "*.lock", "CACHEDIR.TAG", "uv.lock", ".gitignore")
_ELF64 = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")


def main(folder: Path, pyproject: Path) -> None:
    """Slim the environment, or the folder of installed packages, at `folder`."""
    settings = tomllib.loads(pyproject.read_text()).get("tool", {}).get("slipway", {}).get("image", {})
    packages = next(folder.glob("lib/python3*/site-packages"), folder)
    remove(packages, (*LEAVE_OUT, *settings.get("leave_out", ())), settings.get("keep", ()))
    compiled_only(packages, settings.get("keep", ()))
    forget_times(packages)
    for pattern in _SCRIPTS:
        for file in (*folder.glob(pattern), *folder.glob(f"bin/{pattern}")):
            file.unlink()
    for group in alike(packages):
        for copy in group[1:]:
            copy.unlink()
            copy.symlink_to(group[0].name)
    for library in packages.rglob("*.so*"):
        if library.is_file() and not library.is_symlink():
            strip(library)
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (TIME, TIME), follow_symlinks=False)


def remove(packages: Path, leave_out: Iterable[str], keep: Iterable[str]) -> None:
    """Delete the files below `packages` that match `leave_out` and not `keep`, their bytecode, and folders left empty."""
    leave_out, keep = tuple(leave_out), tuple(keep)
    for path in sorted(packages.rglob("*"), reverse=True):
        name = path.relative_to(packages).as_posix()
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif _matches(_source(name), leave_out) and not _matches(_source(name), keep):
            path.unlink()


def compiled_only(packages: Path, keep: Iterable[str]) -> None:
    """Put the bytecode of COMPILED in the place of its sources, where Python looks for modules without any (PEP 3147)."""
    keep = tuple(keep)
    for bytecode in sorted(packages.rglob("__pycache__/*.pyc")):
        name = _source(bytecode.relative_to(packages).as_posix())
        if _matches(name, COMPILED) and not _matches(name, keep):
            (packages / name).unlink()
            bytecode.rename(packages / f"{name}c")
    for folder in sorted(packages.rglob("__pycache__")):
        if not any(folder.iterdir()):
            folder.rmdir()


def forget_times(packages: Path) -> None:
    """Delete what uv notes about when the sources of a package changed, and the line about it in the list of its files."""
    for note in packages.glob("*.dist-info/uv_cache.json"):
        note.unlink()
        record = note.with_name("RECORD")
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if f"/{note.name}," not in line))


def alike(packages: Path) -> Iterator[list[Path]]:
    """Yield shared libraries of one folder that are the same file under several names: a wheel knows no links."""
    by_content: dict[tuple[Path, bytes], list[Path]] = {}
    for library in sorted(packages.rglob("*.so*")):
        if library.is_file() and not library.is_symlink():
            by_content.setdefault((library.parent, library.read_bytes()), []).append(library)
    return (group for group in by_content.values() if len(group) > 1)


def strip(library: Path) -> bool:
    """Cut off what stands behind the segments of a shared library: symbols and sections, which only linkers and debuggers read.

    Loading goes by segments. The base image has no binutils, and a build should not need a compiler's tools.
    Format: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html. Returns whether anything was cut.
    """
    content = bytearray(library.read_bytes())
    if content[:6] != _ELF64:
        return False
    fields = list(_HEADER.unpack_from(content))
    table, entry, count = fields[5], fields[9], fields[10]
    end = max(table + entry * count, _HEADER.size)
    for number in range(count):
        segment = _SEGMENT.unpack_from(content, table + number * entry)
        end = max(end, segment[2] + segment[5])
    if end >= len(content):
        return False
    # No section header table: its offset, number of entries, and index of names.
    fields[6] = fields[12] = fields[13] = 0
    _HEADER.pack_into(content, 0, *fields)
    mode = library.stat().st_mode
    # Not in place: the file may be a hard link into the installer's cache.
    library.unlink()
    library.write_bytes(content[:end])
    library.chmod(mode)
    return True


def _source(name: str) -> str:
    """The source of a file of bytecode; any other name as it is."""
    folder, cache, file = name.rpartition("__pycache__/")
    return f"{folder}{file.partition('.')[0]}.py" if cache and file.endswith(".pyc") else name


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
