"""runc, minus the capabilities that the machine's bounding set does not hold. Written out as a program by `engine_setup`.

They stand in two files: the bundle's config.json (for a container) and the file of --process (for an exec), in the format of
https://github.com/opencontainers/runtime-spec. Uses nothing but the standard library: it runs for each container.
"""

import json
import os
import sys
from itertools import pairwise

RUNC = "@RUNC@"
# As in linux/capability.h, whose numbers are the bits.
NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""


def split(bounds: int) -> tuple[set[str], set[str]]:
    """Return the capabilities ("CAP_CHOWN") that the bits of `bounds` hold, and those up to its highest that they lack."""
    held: set[str] = set()
    missing: set[str] = set()
    for bit, name in enumerate(NAMES.split()[: bounds.bit_length()]):
        (held if bounds >> bit & 1 else missing).add(f"CAP_{name}")
    return held, missing


def bounding_set() -> int:
    """Return what processes of this machine can have at most, a bit for each capability."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd:"))


def bound(file: str, *path: str) -> None:
    """Take what can't be had out of the capabilities in `file`, which stand below the keys `path`."""
    try:
        with open(file) as source:  # noqa: PTH123
            document = json.load(source)
    except OSError:
        return
    process = document
    for key in path:
        process = process.get(key) or {}
    wanted = process.get("capabilities")
    if not wanted:
        return
    has, _ = split(bounding_set())
    process["capabilities"] = {
        kind: [name for name in names if name in has] for kind, names in wanted.items()
    }
    # In place: runc's caller may hold the file open.
    with open(file, "w") as target:  # noqa: PTH123
        json.dump(document, target)


def main(arguments: list[str]) -> None:
    """Become runc, with `arguments`."""
    for option, value in pairwise(arguments):
        if option in {"--bundle", "-b"}:
            bound(f"{value}/config.json", "process")
        elif option in {"--process", "-p"}:
            bound(value)
    os.execv(RUNC, [RUNC, *arguments])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
