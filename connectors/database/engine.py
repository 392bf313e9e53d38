"""A connection to a department's database that can only read: SQLite, PostgreSQL, MySQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from connectors.errors import MappingError, SourceUnavailableError
from connectors.outside import read_secret
from connectors.sources import SqlSource

CONNECT_TIMEOUT_S = 10
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
}
_DETAIL = 200


def open_engine(source: SqlSource, base: Path) -> Engine:
    """An engine whose sessions may not write and see one state of the data. It connects when it is used.

    Raises MappingError for a URL that is none, is of another kind of database, or shows a password outside a private file.
    """
    url = _url(source, base)
    kind = url.get_backend_name()
    try:
        if kind == "sqlite":
            engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: _open_sqlite(url, base))
        else:
            options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "connect_args": {"connect_timeout": CONNECT_TIMEOUT_S}}
            engine = create_engine(url, poolclass=NullPool, **options)
    except (NoSuchModuleError, ImportError) as error:
        raise MappingError(f"source.url: this node has no driver for {kind}: install the extra of that name 未安装此数据库的驱动") from error

    @event.listens_for(engine, "connect")
    def forbid_writing(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(_READ_ONLY[kind])
        cursor.close()
        connection.commit()

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction in which every query sees the same state. Raises SourceUnavailableError for whatever the database refuses."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # its driver begins none for a query
            yield connection
    except DataError as error:  # its message may name a value
        raise SourceUnavailableError("the database cannot read its own data as the view asks 数据库无法按视图读出数据") from error
    except DBAPIError as error:
        lines = str(error.orig).splitlines() or [""]
        raise SourceUnavailableError(f"the database refused 数据库拒绝: {type(error.orig).__name__}: {lines[0][:_DETAIL]}") from error
    except SQLAlchemyError as error:
        raise SourceUnavailableError(f"the database could not be asked: {type(error).__name__} 数据库无法查询") from error


def _url(source: SqlSource, base: Path) -> URL:
    text = source.url if source.url is not None else read_secret(base / str(source.url_file))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise MappingError("source.url: not the URL of a database, such as postgresql://reader@host/name 不是数据库网址") from error
    kind = url.drivername
    if kind not in _DRIVERS and kind not in _DRIVERS.values():
        raise MappingError(f"source.url: {', '.join(_DRIVERS)} can be read, not {kind} 不支持此数据库")
    if source.url is not None and url.password is not None:
        raise MappingError("source.url: a URL with a password stands in a private file, named by url_file 含密码的网址须另存为专用文件")
    if url.get_backend_name() == "sqlite" and (not url.database or url.database == ":memory:" or url.query):
        raise MappingError("source.url: of SQLite the file is named, and nothing more: sqlite:///path 只写文件路径")
    return url.set(drivername=_DRIVERS.get(kind, kind))


def _open_sqlite(url: URL, base: Path) -> sqlite3.Connection:
    path = (base / str(url.database)).absolute()
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=CONNECT_TIMEOUT_S, check_same_thread=False)
