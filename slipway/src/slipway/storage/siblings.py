"""An asset is a frame or a plain value, and so one of two objects; this keeps it at one.

Belongs here: looking for an object and removing it. Does not belong here: reading and writing.
"""

from typing import TYPE_CHECKING

from slipway.storage.faults import explained
from slipway.storage.keys import Place

if TYPE_CHECKING:
    from obstore.store import ObjectStore


def exists(store: "ObjectStore", place: Place, suffix: str) -> bool:
    """Whether there is an object; False also where the credentials may not look.

    Raises:
        ObjectError: see `faults.explained`.
    """
    import obstore  # noqa: PLC0415
    from obstore.exceptions import PermissionDeniedError  # noqa: PLC0415

    with explained(place, suffix):
        try:
            obstore.head(store, place.path(suffix))
        except (FileNotFoundError, PermissionDeniedError):
            return False
    return True


def remove(store: "ObjectStore", place: Place, suffix: str) -> None:
    """Remove the object if it exists.

    It is looked for first: on a bucket with versioning, removing nothing leaves a delete marker each time.

    Raises:
        ObjectError: see `faults.explained`.
    """
    import obstore  # noqa: PLC0415

    if exists(store, place, suffix):
        with explained(place, suffix):
            obstore.delete(store, place.path(suffix))
