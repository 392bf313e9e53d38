"""What an extension says of its base: which pack it is, by its exact bytes, and what of it is left out."""

from __future__ import annotations

from pydantic import Field as Declared
from pydantic import model_validator

from scoring.indicators.pack import Version
from scoring.rules.values import Part
from scoring.statements import Hex32, Name

REMOVABLE = ("records", "fields", "dimensions", "indicators", "functionals", "products", "rankings")


class Extends(Part):
    """``sha256`` is that of the base's file. ``remove`` lists by section the parts that are left out; ``fields`` are fields of records."""

    id: Name
    version: Version
    sha256: Hex32
    remove: dict[str, tuple[str, ...]] = Declared(default_factory=dict)

    @model_validator(mode="after")
    def _sections(self) -> Extends:
        if unknown := set(self.remove) - set(REMOVABLE):
            raise ValueError(f"nothing is removed from {min(unknown)}: {', '.join(REMOVABLE)} can be 只可删去这些部分中的项")
        return self
