"""The databases that tests work on."""

import socket
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True)
class Database:
    url: str

    def rows(self, query: str, parameters: dict | None = None) -> list[tuple]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(query, parameters).fetchall()

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
