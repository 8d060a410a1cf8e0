"""From rows as they were delivered to one clean row per order.

Belongs here: pure functions on Arrow tables, shared by all assets that clean. Arrow and not pandas,
because money is decimal here and stays exact, which pandas can do with Python objects only. Does not
belong here: reading, Dagster's contexts.
"""

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from orders.defs.order_system.columns import CLEANED, NO_AMOUNT, NO_CURRENCY, NOT_A_NUMBER, UNKNOWN_CURRENCY
from orders.rates import EUR_RATES
from orders.schema import MONEY, ORDERS, arrow_schema

# At most 15 digits before the point in every form: what MONEY and the product with a rate can hold.
_PLAIN = r"^[+-]?[0-9]{1,15}([.][0-9]{1,9})?$"
_DECIMAL_COMMA = r"^[+-]?[0-9]{1,15},[0-9]{1,2}$"
_SCIENTIFIC = r"^[+-]?[0-9]([.][0-9]{1,9})?[eE]([+]?(0?[0-9]|1[0-4])|-0?[0-9])$"
_EXACT = pa.decimal128(38, 18)
_RATE = pa.decimal128(10, 6)
# Half a cent goes away from zero, as Postgres' round(numeric) does it.
_ROUNDING = "half_towards_infinity"


def newest_per_order(delivered: pa.Table) -> pa.Table:
    """Return of each order the row that arrived last, sorted by order_id.

    `delivered` has the columns of `schema.ORDERS` (others pass through). Newer is the greater
    received_at and, at the same instant, the greater row_id, which is unique: the result is the same for
    any order of the rows. And for any grouping of them,

        newest(newest(a) + b) == newest(a + b)

    so that what arrives later can be merged into an earlier result.

    Raises:
        dagster.Failure: a key column holds nulls; not retried.
    """
    _require_keys(delivered)
    order = pc.sort_indices(
        delivered,
        sort_keys=[("order_id", "ascending"), ("received_at", "descending"), ("row_id", "descending")],
    )
    rows = delivered.take(order)
    ids = rows.column("order_id").combine_chunks()
    if len(ids) == 0:
        return rows
    changes = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1))
    return rows.filter(pa.concat_arrays([pa.array([True]), changes]))


def clean(newest: pa.Table) -> pa.Table:
    """Return `newest` with the columns of `columns.CLEANED`, then those it has beyond `schema.ORDERS`.

    One row comes out for each that goes in. Texts are trimmed, status in lower and currency in upper
    case, blank ones null. An order whose amount or currency can't be used stays, without amount_eur and
    with the reason in quarantine_reason: no sum counts it and nothing is lost.
    """
    day = pc.cast(pc.floor_temporal(newest.column("ordered_at"), unit="day"), pa.date32())
    received = pc.cast(pc.floor_temporal(newest.column("received_at"), unit="day"), pa.date32())
    currency = _tidy(pc.utf8_upper(newest.column("currency")))
    amount = parse_amount(newest.column("amount"))
    values = {
        "day": day,
        "is_late": pc.greater(received, day),
        "status": _tidy(pc.utf8_lower(newest.column("status"))),
        "currency": currency,
        "amount": amount,
        "amount_eur": in_euros(amount, currency),
        "quarantine_reason": _reason(newest.column("amount"), amount, currency),
    }
    cleaned = [values[c.name] if c.name in values else newest.column(c.name) for c in CLEANED]
    own = {column.name for column in ORDERS.columns}
    beyond = [field for field in newest.schema if field.name not in own]
    schema = pa.schema([*arrow_schema(CLEANED), *beyond])
    return pa.Table.from_arrays([*cleaned, *(newest.column(field.name) for field in beyond)], schema=schema)


def parse_amount(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the numbers that `texts` say, as decimal128(18, 2), half a cent rounded away from zero.

    Understood are `12.5`, `12,50` (at most two digits after the comma: `1,250` could be meant either way)
    and `1.25e1`, with a sign and with blanks around. Everything else is null.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    comma = pc.match_substring_regex(trimmed, _DECIMAL_COMMA)
    trimmed = pc.if_else(comma, pc.replace_substring(trimmed, ",", "."), trimmed)
    readable = pc.or_(
        pc.match_substring_regex(trimmed, _PLAIN), pc.match_substring_regex(trimmed, _SCIENTIFIC)
    )
    numbers = pc.cast(pc.if_else(readable, trimmed, pa.scalar(None, pa.string())), _EXACT)
    return pc.cast(pc.round(numbers, ndigits=2, round_mode=_ROUNDING), MONEY)


def in_euros(amount: pa.ChunkedArray, currency: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return `amount` at the rates of `rates.EUR_RATES`, as decimal128(18, 2); null for other currencies."""
    known = pc.index_in(currency, value_set=pa.array(list(EUR_RATES), pa.string()))
    rates = pa.array(list(EUR_RATES.values()), _RATE)
    euros = pc.multiply(amount, pc.take(rates, known))
    return pc.cast(pc.round(euros, ndigits=2, round_mode=_ROUNDING), MONEY)


def _require_keys(delivered: pa.Table) -> None:
    keys = [column.name for column in ORDERS.columns if not column.nullable]
    nulls = {name: delivered.column(name).null_count for name in keys}
    if any(nulls.values()):
        found = ", ".join(f"{name} in {count} rows" for name, count in nulls.items() if count)
        raise dg.Failure(
            f"table orders: NULL in columns that identify and order the rows: {found}. Correct the source, "
            "or give the location a view without those rows.",
            allow_retries=False,
        )


def _tidy(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return `texts` without blanks around them, and null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _reason(texts: pa.ChunkedArray, amount: pa.ChunkedArray, currency: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return why there is no amount in euros; the amount's reason goes before the currency's."""
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), fill_value=True)
    unknown = pc.invert(pc.is_in(currency, value_set=pa.array(list(EUR_RATES), pa.string())))
    cases = pa.StructArray.from_arrays(
        [
            _flat(blank),
            _flat(pc.is_null(amount)),
            _flat(pc.is_null(currency)),
            _flat(unknown),
        ],
        names=["blank", "no number", "no currency", "unknown"],
    )
    return pc.case_when(cases, NO_AMOUNT, NOT_A_NUMBER, NO_CURRENCY, UNKNOWN_CURRENCY)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
