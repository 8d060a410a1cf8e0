"""Where an asset, a partition of it, or an op's output is kept.

Belongs here: the form of object keys, which is a public contract (other tools read these objects).
Does not belong here: requests, formats.

The form, below the base URL:

    <asset key parts joined by />.parquet                  unpartitioned
    <asset key parts joined by />/<partition>.parquet      partitioned
    <asset key parts joined by />/<value>/<value>.parquet  multi-partitioned, sorted by dimension name
    _outputs/<run id>/<step>/<output>.parquet              an op's output that is no asset

`.json` in place of `.parquet` for plain values. Each part is percent-encoded as in RFC 3986 section
2.1, all but letters, digits and `-_.~=`; so a partition key with a `/`, a `..` or a space can neither
leave its folder nor meet another one, and `urllib.parse.unquote` gives it back.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import dagster as dg

PARQUET = ".parquet"
JSON = ".json"

_OUTPUTS = "_outputs"
# `..` and `.hidden` mean something to file systems, and `x.parquet` as a folder would be the object of x:
# a leading dot, and the one before a suffix of ours, are encoded too.
_TELLING_DOT = re.compile(r"^\.|\.(?=(?:parquet|json)$)")


@dataclass(frozen=True)
class Place:
    """Where one value is kept: all of an object's address but its suffix.

    `asset` is the asset key with `/` between its parts (or the identifier of an op's output),
    `partition` the partition key as Dagster writes it, `stem` the path below `base_url`.
    """

    base_url: str
    asset: str
    partition: str | None
    stem: str
    is_asset: bool = True

    @property
    def label(self) -> str:
        """The asset and the partition, as a reader knows them."""
        kind = "asset" if self.is_asset else "output"
        return f"{kind} {self.asset}" + (
            f", partition {self.partition}" if self.partition is not None else ""
        )

    @property
    def launch_command(self) -> str:
        """The command that materialises it."""
        command = f"dg launch --assets {shlex.quote(self.asset)}"
        return command if self.partition is None else f"{command} --partition {shlex.quote(self.partition)}"

    def path(self, suffix: str) -> str:
        """Return the path that the store of `base_url` takes."""
        return self.stem + suffix

    def uri(self, suffix: str) -> str:
        """Return the whole address."""
        return f"{self.base_url.rstrip('/')}/{self.path(suffix)}"

    def location(self, suffix: str) -> str:
        """Return the address in the words of an error: bucket and key, or the file."""
        base = urlsplit(self.base_url)
        prefix = unquote(base.path).strip("/")
        key = f"{prefix}/{self.path(suffix)}" if prefix else self.path(suffix)
        return f"bucket {base.netloc}, key {key}" if base.scheme == "s3" else f"file /{key}"


def asset_place(base_url: str, key: dg.AssetKey, partition: str | None) -> Place:
    """Return the place of an asset, or of one partition of it.

    A `dagster.MultiPartitionKey` is taken apart by dimension; any other key is one part.

    Raises:
        ValueError: a part is empty.
    """
    parts = list(key.path)
    if isinstance(partition, dg.MultiPartitionKey):
        parts += [value for _, value in sorted(partition.keys_by_dimension.items())]
    elif partition is not None:
        parts.append(partition)
    return Place(base_url, key.to_user_string(), None if partition is None else str(partition), _stem(parts))


def output_place(base_url: str, identifier: Sequence[str]) -> Place:
    """Return the place of an op's output that is no asset; `identifier` starts with the run's id."""
    return Place(base_url, "/".join(identifier), None, _stem([_OUTPUTS, *identifier]), is_asset=False)


def _stem(parts: Sequence[str]) -> str:
    if not all(parts):
        raise ValueError(f"a part of the key {list(parts)} is empty: it has no name to be stored under")
    return "/".join(_encoded(part) for part in parts)


def _encoded(part: str) -> str:
    return _TELLING_DOT.sub("%2E", quote(part, safe="-_.~="))
