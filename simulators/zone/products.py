"""Products of the demonstration's institutions, by their kind: invented ones (simulators/data/products), on formulas of a zone's models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from nodes.runtime.files import write_private
from simulators.zone.layout import ZonePlan

DATA: Final = Path(__file__).parents[1] / "data" / "products"
INVENTED: Final = "专办热线为虚构号码"
"""Said with the sources of a product's numbers."""


def products_file(member: str) -> str:
    """The file's name, in the folder of the configurations."""
    return f"products-{member}.yaml"


def write_products(plan: ZonePlan, config_dir: Path, formulas: Sequence[str]) -> None:
    """A file for each institution: those of its kind whose formula is among ``formulas``; where none is, the others on the first of them.
    Of a zone whose models lend nothing, empty lists."""
    for place, member in enumerate(plan.with_role("bank"), 1):
        write_private(config_dir / products_file(member.id), _text(products_of(member.kind, formulas, hotline_of(place))))


def hotline_of(place: int) -> str:
    """The invented number of the institution at a place of a zone: no subscriber's number in China begins with 0."""
    return f"0571-0000{place:04}"


def products_of(kind: str, formulas: Sequence[str], hotline: str) -> list[dict[str, Any]]:
    """The products of an institution of ``kind`` that can be offered on ``formulas``, under its own ``hotline``."""
    stated = [
        {**product, "hotline": hotline, "source": f"{product['source']}；{INVENTED}"}
        for product in yaml.safe_load((DATA / f"{kind}.yaml").read_text(encoding="utf-8"))
    ]
    fitting = [product for product in stated if product["formula"] in formulas]
    if fitting or not formulas:
        return fitting
    return [{**product, "formula": formulas[0]} for product in stated if "base" not in product]


def _text(products: Sequence[dict[str, Any]]) -> bytes:
    text: str = yaml.safe_dump(list(products), allow_unicode=True, sort_keys=False)
    return text.encode()
