"""Writes each department's records where that department will find them: DIR/records/<member>/records.csv, and nothing else."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from nodes.runtime.files import make_private_directory, write_private
from simulators.population.tables import Population, Table


def write_records(population: Population, directory: Path, name: str = "records.csv") -> tuple[Path, ...]:
    """Write ``directory``/records/<member>/``name`` for every owner: UTF-8, header row, LF. Returns the files in the owners' order.

    Folders are made 0700 and files 0600. A file already there is replaced as a whole, so that a reader sees the old or the new one.
    """
    return tuple(write_table(table, directory, name) for table in population.tables())


def write_table(table: Table, directory: Path, name: str = "records.csv") -> Path:
    """Write one member's table as ``write_records`` does; the file."""
    return write_drop(table, directory / "records" / table.member, name)


def write_drop(table: Table, folder: Path, name: str = "records.csv") -> Path:
    """Write one department's table as ``folder``/``name``, in our own column names. Returns the file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    target = make_private_directory(folder) / name
    write_private(target, text.getvalue().encode())
    return target
