"""Values of an interval as one blob: int64 little-endian, in the order of the group's field table.

Integers as they stood on the wire, so that evidence recomputes exactly; no floats. A field that the record did not carry is
the smallest int64, which the field table's ranges exclude.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gwire.fields import FIELDS, GROUPS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ABSENT = -(1 << 63)

LAYOUT: dict[str, tuple[str, ...]] = {g: tuple(row[0] for row in FIELDS if row[5] == g) for g in GROUPS}
"""Keys of each group in the order that this version writes."""

STEP: dict[str, float] = {row[0]: 10.0 ** row[2] for row in FIELDS}
"""What one unit of a field's integer is worth in the field's unit."""

_PACK = {g: struct.Struct(f"<{len(keys)}q").pack for g, keys in LAYOUT.items()}


def pack(group: str, values: Mapping[str, int]) -> bytes:
    """The blob of a record's member ``m``."""
    get = values.get
    return _PACK[group](*[get(key, ABSENT) for key in LAYOUT[group]])


def unpack(keys: Sequence[str], blob: bytes) -> dict[str, int]:
    """The integers of one blob that are present, by key; ``keys`` is the layout that it was written with."""
    numbers = struct.unpack(f"<{len(keys)}q", blob)
    return {key: number for key, number in zip(keys, numbers, strict=True) if number != ABSENT}


def table(keys: Sequence[str], blobs: Sequence[bytes]) -> "NDArray[np.int64]":
    """All blobs of a series as one array of shape (len(blobs), len(keys)), without a Python loop over values."""
    import numpy as np

    return np.frombuffer(b"".join(blobs), dtype="<i8").reshape(len(blobs), len(keys))


def column(numbers: "NDArray[np.int64]", keys: Sequence[str], key: str) -> "NDArray[np.float64]":
    """One field of `table` in its unit, shape (n,); NaN where absent, or where the layout has no such field.

    Divides by a power of ten, as `gwire.fields.from_wire` does, so that the nearest double comes out.
    """
    import numpy as np

    if key not in keys:
        return np.full(len(numbers), np.nan)
    raw = numbers[:, keys.index(key)]
    step = STEP[key]
    values = raw / round(1 / step) if step < 1 else raw * step
    return np.where(raw == ABSENT, np.nan, values)
