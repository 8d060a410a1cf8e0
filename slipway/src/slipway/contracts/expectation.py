"""What a reader relies on of another location's asset.

    REVENUE = Expectation("daily_revenue", (Column("day", pa.date32(), "", nullable=False), ...))
    REVENUE.check(published_contract(url, "daily_revenue"))
    REVENUE.check_frame(daily_revenue)

It is met if going from it to the contract would be no breaking change (`changes.py`): the columns are there
with these types, and are promised to keep at least these rules. What else the contract has does not matter.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from slipway.columns import Column
from slipway.contracts.changes import of_columns, of_keys
from slipway.contracts.contract import Contract, Published
from slipway.contracts.errors import UnmetExpectationError
from slipway.contracts.evaluation import evaluate
from slipway.storage.frames import pieces, schema_of


@dataclass(frozen=True)
class Expectation:
    """The columns (and rules, and unique keys) of `asset` that a reader relies on."""

    asset: str
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()

    def unmet_by(self, published: Published) -> list[str]:
        """Return what is expected and not promised."""
        wanted, given = self._contract, published.contract
        found = [*of_columns(wanted, given), *of_keys(wanted, given)]
        return [change.text for change in found if change.breaking]

    def check(self, published: Published) -> None:
        """Check a contract.

        Raises:
            UnmetExpectationError: all that is expected and not promised is named.
        """
        self._require(self.unmet_by(published), f"by its contract (version {published.contract.version}):")

    def check_frame(self, frame: Any) -> None:
        """Check a pandas DataFrame or a pyarrow Table that was read: its types, and every row by the rules.

        Raises:
            UnmetExpectationError: all that does not hold is named, with the first bad row.
        """
        label = f"asset {self.asset}"
        schema = schema_of(frame, label)
        names = {column.name for column in self.columns}
        used = [name for name in schema.names if name in names]
        tables = (table.select(used) for table in pieces(frame, schema, label))
        kept = [schema.field(name) for name in used]
        self._require(
            [str(each) for each in evaluate(self._contract, pa.schema(kept), tables)],
            "by the frame that was read:",
        )

    @property
    def _contract(self) -> Contract:
        return Contract("0.0.0", self.columns, self.unique)

    def _require(self, unmet: list[str], what: str) -> None:
        if unmet:
            lines = "\n".join(f"- {text}" for text in unmet)
            raise UnmetExpectationError(
                f"asset {self.asset} is not what is expected of it, {what}\n{lines}\n"
                "Change the expectation with the code that relies on it, or ask the asset's owner."
            )
