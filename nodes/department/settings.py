"""Configuration of a department: the table ``[department]``, with ``[custodian]`` beside it where the process carries both roles."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nodes.custodian.settings import CustodianTable
from nodes.department.desk.settings import DeskTable
from nodes.runtime.replica.value_messages import MAX_FIELDS, FieldName
from nodes.runtime.settings import ConfigPath, NodeSettings, Table


class DepartmentTable(Table):
    """``records_dir``: folder of CSV files in our own column names. ``connectors``: mappings of the department's systems, one YAML file each.
    ``roster_key_file`` (0600): the zone's roster key, 64 hex digits.

    ``epoch_secrets_kept``: how many epochs' secrets are kept, so that audits can draw over them. ``encryption_window``: largest window
    of the fixed-base tables (10 takes 75 MB at 3072 bits); fewer ciphertexts get smaller ones. ``scan_s``: how often folder and systems
    are looked at. ``desk``: the department's page, where it is to be served.
    ``self_filed``: fields that enterprises may file themselves and this department examines; ``dispute_days``: within
    which it settles what they dispute.
    """

    records_dir: ConfigPath | None = None
    connectors: tuple[ConfigPath, ...] = ()
    roster_key_file: ConfigPath
    epoch_secrets_kept: Annotated[int, Field(ge=1, le=64)] = 3
    encryption_window: Annotated[int, Field(ge=2, le=12)] = 10
    scan_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    desk: DeskTable | None = None
    self_filed: Annotated[tuple[FieldName, ...], Field(max_length=MAX_FIELDS)] = ()
    dispute_days: Annotated[int, Field(ge=1, le=365)] = 15


class DepartmentSettings(NodeSettings):
    department: DepartmentTable
    custodian: CustodianTable | None = None
