"""What the consumer of an asset wants to be given, by the annotation of its input.

Belongs here: types of Python. Does not belong here: reading.
"""

import sys
import types
import typing
from dataclasses import dataclass
from enum import Enum, auto
from importlib.util import find_spec
from typing import Any

import pyarrow as pa

from slipway.storage.json_values import PLAIN_TYPES, unsupported_annotation


class Form(Enum):
    """What is made of one stored object."""

    PANDAS = auto()
    TABLE = auto()
    READER = auto()
    VALUE = auto()
    ANY = auto()


@dataclass(frozen=True)
class Wanted:
    """The form, and whether one per partition is asked for."""

    form: Form
    by_partition: bool = False


def wanted(annotation: Any, label: str) -> Wanted:
    """Return what the annotation asks for; `dict[str, <frame>]` is a frame per partition.

    Without an annotation it is whatever is stored, a frame as pandas if that is installed, else as Table.

    Raises:
        UnsupportedValueError: no stored object can satisfy it; `label` says whose.
    """
    if annotation is None or annotation is typing.Any or annotation is object:
        return Wanted(Form.ANY)
    members = _members(annotation)
    if len(members) == 1 and members[0] is not annotation:
        return wanted(members[0], label)
    frame = _frame_form(annotation)
    if frame is not None:
        return Wanted(frame)
    if typing.get_origin(annotation) is dict:
        inner = _frame_form(typing.get_args(annotation)[1])
        if inner is Form.READER:
            raise unsupported_annotation(annotation, label)
        return Wanted(Form.VALUE) if inner is None else Wanted(inner, by_partition=True)
    if all((typing.get_origin(member) or member) in PLAIN_TYPES for member in members):
        return Wanted(Form.VALUE)
    raise unsupported_annotation(annotation, label)


def default_frame() -> Form:
    """Return the form of a frame that nobody has asked for in particular."""
    return Form.PANDAS if find_spec("pandas") is not None else Form.TABLE


def _frame_form(annotation: Any) -> Form | None:
    pandas = sys.modules.get("pandas")
    if pandas is not None and annotation is pandas.DataFrame:
        return Form.PANDAS
    return {pa.Table: Form.TABLE, pa.RecordBatchReader: Form.READER}.get(annotation)


def _members(annotation: Any) -> list[Any]:
    """Return the types of a union without None; those of anything else are itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for member in typing.get_args(annotation) if member is not type(None)]
    return [annotation]
