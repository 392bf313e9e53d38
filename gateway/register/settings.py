"""Configuration of the register: the table ``[gateway.register]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nodes.runtime.settings import ConfigPath, Table
from scoring.statements import Title

Division = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]


class RegisterTable(Table):
    """``connectors``: mappings of what market supervision publishes, one YAML file each. ``roster_key_file`` (0600): the zone's roster key, by
    which enterprises are found under their subject ids. ``scan_s``: how often the sources are looked at. ``divisions``: what pages call the
    zone's counties, cities and provinces, by GB/T 2260."""

    connectors: Annotated[tuple[ConfigPath, ...], Field(min_length=1)]
    roster_key_file: ConfigPath
    scan_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    divisions: dict[Division, Title] = Field(default_factory=dict)

    @property
    def records_dir(self) -> None:
        """A register has no folder of plain files: what it publishes has a mapping."""
        return
