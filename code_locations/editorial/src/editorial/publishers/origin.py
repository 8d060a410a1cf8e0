"""What the rows of every publisher have: from which file and line they are, and when it landed.

Belongs here: columns that all raw tables share. Does not belong here: the publishers' own.
"""

import pyarrow as pa

INSTANT = pa.timestamp("us", "UTC")
"""The type of all instants in schema `raw`."""

ORIGIN = [
    # The file's rows are replaced by it, so that no row may be without.
    pa.field("source_file", pa.string(), nullable=False),
    pa.field("source_row", pa.int64()),
    pa.field("landed_at", INSTANT),
]
"""Path below the folder of downloads, line or row in the file (from 1), and when that version of the file got there."""
