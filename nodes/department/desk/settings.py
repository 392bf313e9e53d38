"""The table ``[department.desk]``: where the department's page is served, for whom, and whether contributions wait for two persons."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from nodes.runtime.settings import Address, ConfigPath, Table
from scoring.statements import Name


class DeskTable(Table):
    """``listen``: a loopback address. ``people``: names of those who may sign in, each with a file in ``people_dir`` (0700).

    ``approval``: with ``two-persons`` each column waits until two of them let it go [A3]; ``approve_rows`` asks the same of every row.
    """

    listen: Address
    people_dir: ConfigPath
    people: tuple[Name, ...] = ()
    approval: Literal["none", "two-persons"] = "none"
    approve_rows: bool = False

    @model_validator(mode="after")
    def _enough_people(self) -> Self:
        if len(set(self.people)) != len(self.people):
            raise ValueError("people names someone twice")
        if self.approval == "two-persons" and len(self.people) < 2:
            raise ValueError('approval = "two-persons" needs two people at least')
        if self.approve_rows and self.approval == "none":
            raise ValueError('approve_rows needs approval = "two-persons"')
        return self
