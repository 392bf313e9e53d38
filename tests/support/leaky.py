"""A pack that no linter passes: banks are given a second total, which differs from the first in one owner's indicator."""

from __future__ import annotations

from pathlib import Path

import yaml

from crypto.keygen import PrivateKey
from tests.oracles import small_pack
from tests.support.ledger import PACK
from tests.support.zone import MemoryZone

SECOND, SECOND_PRODUCT, BETWEEN = "steady", "steady-line", "growth"


def leaky_zone(key: PrivateKey, directory: Path) -> MemoryZone:
    """An open epoch under the pack firm-panel with functional ``steady``, all of ``total`` but growth, behind the same gate."""
    document = yaml.safe_load(PACK.read_bytes())
    for stage in document["staging"]["stages"].values():
        stage["on"] = stage.pop(True)  # YAML 1.1 reads a bare on as true
    document["dimensions"]["growing"] = {"zh": "增长", "en": "growth"}
    document["indicators"][BETWEEN]["dimension"] = "growing"
    second = {"title": {"zh": "不计增长", "en": "without growth"}, "dimensions": ["innovation", "growth-and-size"]}
    document["functionals"][SECOND] = {**second, "gates": ["gate"], "disclosed_to": ["bank", "enterprise"]}
    document["products"][SECOND_PRODUCT] = {**document["products"]["base-line"], "functional": SECOND}
    document["product_provenance"][SECOND_PRODUCT] = document["product_provenance"]["base-line"]
    pack = directory / "leaky.yaml"
    pack.write_bytes(small_pack.to_bytes(document))
    zone = MemoryZone(key, pack=pack)
    zone.found()
    zone.open_epoch()
    return zone
