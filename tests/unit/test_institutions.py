"""What is shipped for institutions of every kind: products whose terms are sound under the models, and configurations that their nodes take."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from crypto.encoding import canonical_json
from nodes.bank.loans.products import stated_terms
from nodes.bank.settings import BankSettings
from nodes.packs import read_pack
from scoring.lending.terms import check_terms
from scoring.statements import ProductTerms
from scoring.statements.lending import InstitutionKind
from simulators.demo.options import LENDING_PACKS
from simulators.zone.configs import choose_addresses, write_configs
from simulators.zone.layout import INSTITUTIONS, demo_plan, with_members
from simulators.zone.products import DATA, hotline_of, products_of

KINDS = get_args(InstitutionKind)
HOME = ("base-line", "zheke-loan")


@pytest.mark.parametrize("pack", LENDING_PACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_product_with_sound_terms_under_every_model_that_lends(kind: InstitutionKind, pack: str) -> None:
    model, published = read_pack(pack), dict[str, ProductTerms]()
    for stated in products_of(kind, list(model.products), hotline_of(1)):
        said = {
            **stated, "zone": "z", "nonce": "0" * 32, "institution": "i-1", "institution_kind": kind, "version": 1, "not_before": 0, "not_after": 1,
        }  # fmt: skip
        terms = ProductTerms.model_validate_json(canonical_json(said))
        check_terms(terms, None, published.get(terms.base), [model.products[terms.formula]])
        published[terms.product] = terms
    assert published
    assert {terms.provenance for terms in published.values()} == {"illustrative"}


def test_the_home_zones_bank_has_the_loan_that_is_lifted_and_the_line_that_revolves() -> None:
    found = {product["product"]: product for product in products_of("bank", HOME, hotline_of(1))}
    assert found["zheke-loan"]["uplift"] == {"amount_ratio": 13_000, "extra_months": 12}
    assert found["support-loan"]["revolving"]


def test_a_node_of_every_kind_takes_its_configuration(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    plan = with_members(demo_plan(), *INSTITUTIONS)
    configs = write_configs(plan, tmp_path, choose_addresses(plan), formulas=HOME)
    kinds, hotlines = {}, set()
    for member in plan.with_role("bank"):
        settings = BankSettings.load(configs[member.id])
        assert settings.bank.products is not None
        kinds[member.id] = settings.bank.kind
        terms = stated_terms(Path(settings.bank.products))
        assert all("虚构" in stated.source for stated in terms)
        hotlines |= {stated.hotline for stated in terms}
    assert set(kinds.values()) == set(KINDS)
    assert len(hotlines) == len(kinds), "each institution has its own"


def test_every_kind_has_its_file() -> None:
    assert {path.stem for path in DATA.glob("*.yaml")} == set(KINDS)
