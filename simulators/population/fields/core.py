"""The fields that every simulated enterprise has, whatever model it is scored by: one function a department, drawn in this order.

They are the vocabulary of hangzhou-binjiang; other packs' fields follow them. Amounts in yuan with two decimals, counts whole. Two
departments never hold one figure: what both measure (staff, profit) each measures a little differently, as in life.
"""

from __future__ import annotations

import numpy as np

from simulators.population.fields.traits import Columns, Floats, Traits, share, whole, yuan

GRADE_D_SHARE = 0.02
ENFORCED_SHARE = 0.015
DISHONEST_PART = 0.4  # of the firms on the enforcement list
_GRADES = (("AAA", 0.02), ("AA", 0.06), ("A", 0.34), ("B", 0.46), ("C", 0.12))


def draw_core(draw: np.random.Generator, traits: Traits) -> Columns:
    """Every core field, one value an enterprise: empty where it cannot have one."""
    columns: Columns = {}
    for part in (_tax, _science, _insurance, _intellectual_property, _market, _credit):
        columns |= part(draw, traits, columns)
    return columns


def _tax(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
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
        "revenue": yuan(traits.revenue),
        "revenue_previous": yuan(traits.revenue / growth, first_year),
        "profit": yuan(profit),
        "hightech_revenue": yuan(traits.revenue * share(0.9 + 0.8 * traits.innovation + traits.noise(draw, 0.7))),
        "rd_expense": yuan(rd),
        "rd_expense_previous": yuan(rd / rd_growth, first_year),
        "rd_tax_relief": yuan(np.where(profit > 0, np.minimum(0.15 * rd, 0.25 * np.maximum(profit, 0)), 0.0)),
    }


def _insurance(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """Social insurance: staff grows more slowly than revenue."""
    staff = _staff(traits) * np.exp(traits.noise(draw, 0.35))
    insured = np.maximum(1, np.round(staff))
    before = np.maximum(1, np.round(staff / np.exp(0.04 + 0.10 * traits.momentum + traits.noise(draw, 0.10))))
    return {
        "insured_staff": whole(insured),
        "insured_staff_previous": whole(before, traits.age < 1.0),
        "insured_postgraduates": whole(draw.binomial(insured.astype(np.int64), share(-1.9 + 0.6 * traits.innovation + traits.noise(draw, 0.4)))),
        "insured_new_graduates": whole(np.minimum(insured, draw.poisson(0.05 * insured * np.exp(0.25 * traits.momentum)))),
    }


def _science(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """The R&D survey and science programmes."""
    staff = np.maximum(1, np.round(_staff(traits) * np.exp(traits.noise(draw, 0.35))))
    doing_research = share(-0.8 + 0.75 * traits.innovation - 0.25 * traits.size + traits.noise(draw, 0.5))
    contracts = np.where(draw.random(len(staff)) < 0.45, 0.0, traits.revenue * np.exp(-3.0 + 0.5 * traits.innovation + traits.noise(draw, 0.9)))
    merit = np.exp(0.6 * traits.size + 0.6 * traits.innovation)
    counts = {"platforms": (0.004, 0.06), "awards": (0.002, 0.03), "projects": (0.01, 0.08)}
    found = {
        "survey_staff": whole(staff),
        "rd_staff": whole(draw.binomial(staff.astype(np.int64), doing_research)),
        "founder_background": _founders(traits.innovation + traits.noise(draw, 0.7)),
        "technology_contracts": yuan(contracts),
    }
    for name, (national, province) in counts.items():
        found[f"{name}_national"] = whole(draw.poisson(np.minimum(national * merit, 4)))
        found[f"{name}_province"] = whole(draw.poisson(np.minimum(province * merit, 6)))
    return found


def _intellectual_property(draw: np.random.Generator, traits: Traits, known: Columns) -> Columns:
    """The patent office's figures: overdispersed counts that follow R&D expense."""
    rd = np.array([float(text) for text in known["rd_expense"]])
    mean = 0.8 * (rd / 1e6) ** 0.72 * np.exp(0.35 * traits.innovation)
    applied = draw.poisson(np.minimum(mean, 4000) * draw.gamma(0.9, 1 / 0.9, len(mean)))
    return {
        "invention_applications": whole(applied),
        "pct_applications": whole(draw.binomial(applied, 0.06)),
        "inventions_granted": whole(draw.binomial(applied, 0.45)),
        "utility_models_granted": whole(draw.poisson(np.minimum(0.5 * mean + 0.2, 1500))),
        "designs_granted": whole(draw.poisson(np.minimum(0.1 * mean + 0.05, 300))),
        "software_copyrights": whole(draw.poisson(np.minimum(1.5 + 0.6 * mean, 800) * draw.gamma(0.8, 1 / 0.8, len(mean)))),
    }


def _market(draw: np.random.Generator, traits: Traits, known: Columns) -> Columns:
    """Annual reports: profit after tax by the books, equity, standards."""
    profit = np.array([float(text) for text in known["profit"]])
    net = np.where(profit > 0, 0.85, 1.0) * profit * np.exp(traits.noise(draw, 0.1))
    assets = np.maximum(traits.revenue, 2e5) * np.exp(-0.6 + traits.noise(draw, 0.8)) + 3e5
    assets[draw.random(len(assets)) < 0.05] *= -0.2
    raised = np.exp(15.2 + 0.55 * traits.size + 0.5 * traits.innovation + traits.noise(draw, 0.9))
    raised[draw.random(len(raised)) >= np.clip(0.12 + 0.09 * traits.innovation, 0.01, 0.6)] = 0.0
    merit = np.exp(0.7 * traits.size + 0.3 * traits.innovation)
    return {
        "net_profit": yuan(net),
        "net_assets": yuan(assets),
        "equity_financing": yuan(raised),
        "standards_national": whole(draw.poisson(np.minimum(0.03 * merit, 10))),
        "standards_industry": whole(draw.poisson(np.minimum(0.05 * merit, 12))),
    }


def _credit(draw: np.random.Generator, traits: Traits, _known: Columns) -> Columns:
    """Credit grades, M for the new and those without revenue; grade D and the enforcement list overlap but are not the same firms."""
    count = len(traits.size)
    grades = draw.choice([grade for grade, _ in _GRADES], size=count, p=[part for _, part in _GRADES]).astype("U3")
    grades[(traits.age < 3.0) | (traits.revenue == 0)] = "M"
    risk = np.argsort(draw.random(count) + 0.1 * traits.size, kind="stable")
    bad, enforced = max(1, round(GRADE_D_SHARE * count)), max(1, round(ENFORCED_SHARE * count))
    grades[risk[:bad]] = "D"
    flags = np.zeros(count, dtype=np.int64)
    first = bad // 2 if bad > 1 else bad
    flags[risk[first : first + enforced]] = 1
    dishonest = flags * (draw.random(count) < DISHONEST_PART)
    return {"credit_grade": [str(grade) for grade in grades], "court_enforced": whole(flags), "dishonest": whole(dishonest)}


def _staff(traits: Traits) -> Floats:
    return np.asarray(2.0 + (np.maximum(traits.revenue, 3e5) / 4.5e5) ** 0.82 * np.exp(0.15 * traits.innovation))


def _founders(score: Floats) -> list[str]:
    bands = ((2.4, "national-talent"), (1.9, "province-talent"), (1.2, "doctorate"))
    return [next((name for least, name in bands if value >= least), "other") for value in score]
