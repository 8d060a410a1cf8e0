"""What a run's tags say of it: which code it ran, and why it lost its process.

Which code: the image's digest, the git revision and the location's version.

The recipe of the images (docker/) bakes SLIPWAY_REVISION and SLIPWAY_VERSION into every image, and a release may set
them for its runs too. The launcher stamps a run from what it gives the run's pod, and the run's own process
from what its image really says.
"""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

IMAGE_DIGEST_TAG = "slipway/image_digest"
REVISION_TAG = "slipway/revision"
VERSION_TAG = "slipway/version"
FAILURE_REASON_TAG = "slipway/failure_reason"
"""Set by the launcher when it gives a run up for lost; "none" on a retry of such a run."""

_VARIABLES = {REVISION_TAG: "SLIPWAY_REVISION", VERSION_TAG: "SLIPWAY_VERSION"}
# At the end of an image's name that is pinned, of a container's image id, or such an id as a whole.
_DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")


def code_stamps(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that these environment variables give; none for what is not set."""
    return {tag: variables[name] for tag, name in _VARIABLES.items() if variables.get(name)}


def image_stamp(image: str | None) -> dict[str, str]:
    """Return the tag of an image that is named by its digest; nothing for one with a mere version."""
    found = _DIGEST.search(image or "")
    return {IMAGE_DIGEST_TAG: found[1]} if found else {}


def stamp_run(instance: "DagsterInstance", run: "DagsterRun") -> None:
    """Write down which code the run of this process is in; what the launcher could not know of the image."""
    stamps = {tag: value for tag, value in code_stamps(os.environ).items() if run.tags.get(tag) != value}
    if stamps:
        instance.add_run_tags(run.run_id, stamps)
