"""Compiles an installed environment's modules to bytecode that is the same, byte for byte, in every build.

`bytecode.py FOLDER` runs in the image's build, with nothing but Python's own library. What Python writes for a module
depends on what its process has compiled before, and installers compile in several processes at once
(https://github.com/python/cpython/issues/78903): here each module is compiled by a copy of a process that has compiled nothing.
Modules are checked by nothing when they are imported: no file of an image changes.

Does not belong here: which files there are (slim.py).
"""

import os
import py_compile
import sys
from pathlib import Path

_MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def main(folder: Path) -> None:
    """Compile all modules below `folder`; one that is no Python of this version, a template say, is left as it is."""
    most, going, failed = os.cpu_count() or 1, 0, False
    for module in sorted(folder.rglob("*.py")):
        if going == most:
            failed |= os.wait()[1] != 0
            going -= 1
        if not os.fork():
            _compile(module)
        going += 1
    for _ in range(going):
        failed |= os.wait()[1] != 0
    sys.exit(failed)


def _compile(module: Path) -> None:
    """Compile one module and end the process, without what Python does at the end of one."""
    try:
        py_compile.compile(str(module), doraise=True, invalidation_mode=_MODE)
    except (py_compile.PyCompileError, UnicodeDecodeError, ValueError):
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a copy of the process must not go on where its original does
        sys.stderr.write(f"{module}: {error}\n")
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
