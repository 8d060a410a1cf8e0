"""Turn a query with named parameters into the server's `$1`, `$2`, with the values beside it.

Belongs here: names and numbers of parameters. Values are bound by the server and never become part
of the query's text. Does not belong here: running it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slipway.resources.postgres.errors import QueryError, shortened

if TYPE_CHECKING:
    from sqlalchemy import TextClause
    from sqlalchemy.sql.expression import SelectBase

    Query = str | TextClause | SelectBase


def bound(query: "Query", params: Mapping[str, Any] | None) -> tuple[str, tuple[Any, ...]]:
    """Return the query with `$n` in the place of `:name`, and the values in that order.

    A `str` without `params` is returned as it is: colons in it mean what they mean in SQL. A SQLAlchemy
    `select()` brings its own values; `params` adds to them.

    Raises:
        QueryError: a parameter has no value, or a value no parameter.
    """
    given = dict(params or {})
    if isinstance(query, str) and params is None:
        return _without_end(query), ()
    from sqlalchemy import text  # noqa: PLC0415 - only queries with parameters pay for the import
    from sqlalchemy.dialects.postgresql.base import PGDialect  # noqa: PLC0415

    statement = text(query) if isinstance(query, str) else query
    compiled = statement.compile(
        dialect=PGDialect(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
        compile_kwargs={"render_postcompile": True},
    )
    names = list(compiled.positiontup or [])
    values = given if isinstance(query, str) else {**compiled.params, **given}
    _compare(
        str(compiled), set(names), set(values) if isinstance(query, str) else set(values) & set(names), given
    )
    return _without_end(str(compiled)), tuple(values[name] for name in names)


def _compare(query: str, used: set[str], known: set[str], given: Mapping[str, Any]) -> None:
    missing, unused = sorted(used - known), sorted(set(given) - used)
    if missing:
        raise QueryError(
            f"no value for the parameters {', '.join(missing)}; a colon that is none is written \\: "
            f"[query: {shortened(query)}]"
        )
    if unused:
        raise QueryError(
            f"the query has no parameters {', '.join(unused)}; for a cast write CAST(:name AS type), "
            f"not :name::type [query: {shortened(query)}]"
        )


def _without_end(query: str) -> str:
    return query.strip().rstrip(";").rstrip()
