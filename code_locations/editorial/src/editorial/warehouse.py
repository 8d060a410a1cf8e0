"""EDITORIAL_WAREHOUSE_URL in the forms that dlt and dbt take. Never in an argument or a file: it holds a password.

Does not belong here: queries (the resource `warehouse` is a PostgresResource).
"""

from slipway.resources.postgres.connection import parsed_url


def dlt_url(url: str) -> str:
    """Return the URL as dlt's Postgres destination takes it, which insists on a password, needed or not."""
    parsed = parsed_url(url)
    complete = parsed.set(drivername="postgresql", password=parsed.password or "none")
    return complete.render_as_string(hide_password=False)


def dbt_variables(url: str) -> dict[str, str]:
    """Return the variables that `dbt/profiles.yml` reads. dbt keeps those called DBT_ENV_SECRET_* out of its logs."""
    parsed = parsed_url(url)
    mode = parsed.query.get("sslmode", "prefer")
    return {
        "EDITORIAL_DBT_HOST": parsed.host or "localhost",
        "EDITORIAL_DBT_PORT": str(parsed.port or 5432),
        "EDITORIAL_DBT_USER": parsed.username or "",
        "DBT_ENV_SECRET_EDITORIAL_PASSWORD": parsed.password or "",
        "EDITORIAL_DBT_DATABASE": parsed.database or "",
        "EDITORIAL_DBT_SSLMODE": mode if isinstance(mode, str) else mode[-1],
    }
