"""Draws the record fields of simulated enterprises, one function a department. Amounts in yuan with two decimals, counts whole.

Two departments never hold one figure: what both measure (staff, profit) each measures a little differently, as in life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = dict[str, list[str]]

GRADE_D_SHARE = 0.02
ENFORCED_SHARE = 0.015
DISHONEST_PART = 0.4  # of the firms on the enforcement list
_GRADES = (("AAA", 0.02), ("AA", 0.06), ("A", 0.34), ("B", 0.46), ("C", 0.12))


@dataclass(frozen=True, slots=True)
class Traits:
    """Latent traits: standard normal size, innovation, momentum; age in years; revenue of the year in yuan."""

    size: Floats
    innovation: Floats
    momentum: Floats
    age: Floats
    revenue: Floats

    def noise(self, draw: np.random.Generator, spread: float) -> Floats:
        """Normal noise, one a firm, of standard deviation ``spread``."""
        return spread * draw.standard_normal(len(self.size))


def tax(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """Tax returns. Firms in their first year have no year before; some firms do no R&D."""
    growth = np.exp(0.10 - 0.03 * traits.size + 0.16 * traits.momentum + traits.noise(draw, 0.16))
    intensity = np.exp(np.log(0.085) - 0.25 * traits.size + 0.5 * traits.innovation + traits.noise(draw, 0.45))
    rd = np.minimum(np.maximum(traits.revenue, 4e5) * np.minimum(intensity, 1.5), 3e9)
    rd[draw.random(len(rd)) < np.clip(0.10 - 0.05 * traits.innovation, 0.01, 0.4)] = 0.0
    rd_growth = np.exp(0.08 + 0.18 * traits.momentum + traits.noise(draw, 0.22))
    margin = 0.06 + 0.025 * traits.size - 0.015 * traits.innovation + traits.noise(draw, 0.12)
    profit = traits.revenue * margin - np.where(traits.size < -0.9, 0.2 * rd, 0.0)
    first_year = traits.age < 1.0
    return {
        "revenue": _yuan(traits.revenue),
        "revenue_previous": _yuan(traits.revenue / growth, first_year),
        "profit": _yuan(profit),
        "hightech_revenue": _yuan(traits.revenue * _share(0.9 + 0.8 * traits.innovation + traits.noise(draw, 0.7))),
        "rd_expense": _yuan(rd),
        "rd_expense_previous": _yuan(rd / rd_growth, first_year),
        "rd_tax_relief": _yuan(np.where(profit > 0, np.minimum(0.15 * rd, 0.25 * np.maximum(profit, 0)), 0.0)),
    }


def insurance(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """Social insurance: staff grows more slowly than revenue."""
    staff = _staff(traits) * np.exp(traits.noise(draw, 0.35))
    whole = np.maximum(1, np.round(staff))
    before = np.maximum(1, np.round(staff / np.exp(0.04 + 0.10 * traits.momentum + traits.noise(draw, 0.10))))
    return {
        "insured_staff": _whole(whole),
        "insured_staff_previous": _whole(before, traits.age < 1.0),
        "insured_postgraduates": _whole(draw.binomial(whole.astype(np.int64), _share(-1.9 + 0.6 * traits.innovation + traits.noise(draw, 0.4)))),
        "insured_new_graduates": _whole(np.minimum(whole, draw.poisson(0.05 * whole * np.exp(0.25 * traits.momentum)))),
    }


def science(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """The R&D survey and science programmes."""
    staff = np.maximum(1, np.round(_staff(traits) * np.exp(traits.noise(draw, 0.35))))
    share = _share(-0.8 + 0.75 * traits.innovation - 0.25 * traits.size + traits.noise(draw, 0.5))
    contracts = np.where(draw.random(len(staff)) < 0.45, 0.0, traits.revenue * np.exp(-3.0 + 0.5 * traits.innovation + traits.noise(draw, 0.9)))
    merit = np.exp(0.6 * traits.size + 0.6 * traits.innovation)
    counts = {"platforms": (0.004, 0.06), "awards": (0.002, 0.03), "projects": (0.01, 0.08)}
    found = {
        "survey_staff": _whole(staff),
        "rd_staff": _whole(draw.binomial(staff.astype(np.int64), share)),
        "founder_background": _founders(traits.innovation + traits.noise(draw, 0.7)),
        "technology_contracts": _yuan(contracts),
    }
    for name, (national, province) in counts.items():
        found[f"{name}_national"] = _whole(draw.poisson(np.minimum(national * merit, 4)))
        found[f"{name}_province"] = _whole(draw.poisson(np.minimum(province * merit, 6)))
    return found


def intellectual_property(draw: np.random.Generator, traits: Traits, known: Columns) -> Columns:
    """The patent office's figures: overdispersed counts that follow R&D expense."""
    rd = np.array([float(text) for text in known["rd_expense"]])
    mean = 0.8 * (rd / 1e6) ** 0.72 * np.exp(0.35 * traits.innovation)
    applied = draw.poisson(np.minimum(mean, 4000) * draw.gamma(0.9, 1 / 0.9, len(mean)))
    return {
        "invention_applications": _whole(applied),
        "pct_applications": _whole(draw.binomial(applied, 0.06)),
        "inventions_granted": _whole(draw.binomial(applied, 0.45)),
        "utility_models_granted": _whole(draw.poisson(np.minimum(0.5 * mean + 0.2, 1500))),
        "designs_granted": _whole(draw.poisson(np.minimum(0.1 * mean + 0.05, 300))),
        "software_copyrights": _whole(draw.poisson(np.minimum(1.5 + 0.6 * mean, 800) * draw.gamma(0.8, 1 / 0.8, len(mean)))),
    }


def market(draw: np.random.Generator, traits: Traits, known: Columns) -> Columns:
    """Annual reports: profit after tax by the books, equity, standards."""
    profit = np.array([float(text) for text in known["profit"]])
    net = np.where(profit > 0, 0.85, 1.0) * profit * np.exp(traits.noise(draw, 0.1))
    assets = np.maximum(traits.revenue, 2e5) * np.exp(-0.6 + traits.noise(draw, 0.8)) + 3e5
    assets[draw.random(len(assets)) < 0.05] *= -0.2
    raised = np.exp(15.2 + 0.55 * traits.size + 0.5 * traits.innovation + traits.noise(draw, 0.9))
    raised[draw.random(len(raised)) >= np.clip(0.12 + 0.09 * traits.innovation, 0.01, 0.6)] = 0.0
    merit = np.exp(0.7 * traits.size + 0.3 * traits.innovation)
    return {
        "net_profit": _yuan(net),
        "net_assets": _yuan(assets),
        "equity_financing": _yuan(raised),
        "standards_national": _whole(draw.poisson(np.minimum(0.03 * merit, 10))),
        "standards_industry": _whole(draw.poisson(np.minimum(0.05 * merit, 12))),
    }


def credit(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """Credit grades, M for the new and those without revenue; grade D and the enforcement list overlap but are not the same firms."""
    count = len(traits.size)
    grades = draw.choice([grade for grade, _ in _GRADES], size=count, p=[share for _, share in _GRADES]).astype("U3")
    grades[(traits.age < 3.0) | (traits.revenue == 0)] = "M"
    risk = np.argsort(draw.random(count) + 0.1 * traits.size, kind="stable")
    bad, enforced = max(1, round(GRADE_D_SHARE * count)), max(1, round(ENFORCED_SHARE * count))
    grades[risk[:bad]] = "D"
    flags = np.zeros(count, dtype=np.int64)
    first = bad // 2 if bad > 1 else bad
    flags[risk[first : first + enforced]] = 1
    dishonest = flags * (draw.random(count) < DISHONEST_PART)
    return {"credit_grade": [str(grade) for grade in grades], "court_enforced": _whole(flags), "dishonest": _whole(dishonest)}


def _staff(traits: Traits) -> Floats:
    return np.asarray(2.0 + (np.maximum(traits.revenue, 3e5) / 4.5e5) ** 0.82 * np.exp(0.15 * traits.innovation))


def _share(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def _founders(score: Floats) -> list[str]:
    bands = ((2.4, "national-talent"), (1.9, "province-talent"), (1.2, "doctorate"))
    return [next((name for least, name in bands if value >= least), "other") for value in score]


def _yuan(values: Floats, missing: NDArray[np.bool_] | None = None) -> list[str]:
    gaps = np.zeros(len(values), dtype=bool) if missing is None else missing
    return ["" if gap else f"{value + 0.0:.2f}" for value, gap in zip(values, gaps, strict=True)]


def _whole(values: NDArray[np.int64] | Floats, missing: NDArray[np.bool_] | None = None) -> list[str]:
    gaps = np.zeros(len(values), dtype=bool) if missing is None else missing
    return ["" if gap else str(int(value)) for value, gap in zip(values, gaps, strict=True)]
