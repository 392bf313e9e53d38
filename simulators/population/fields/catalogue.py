"""Shapes of the fields that packs name beside the core, by the name of the record field. All parameters are assumed."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.population.fields.shapes import About, Age, Amount, Count, Mark, PartOf, Pick, Same, Shape, Some

_TAX: Mapping[str, Shape] = {
    "sales": Same("revenue"),
    "cost": Amount("revenue", 0.95, size=-0.05, spread=0.15, at_least=2e5),
    "rd_super_deduction": Amount("rd_expense", 0.85, spread=0.1, none=0.1),
    "tax_paid": Amount("revenue", 0.035, size=0.05, spread=0.4, none=0.04),
    "tax_registration_years": Age(),
}
_SCIENCE: Mapping[str, Shape] = {
    "staff": Same("survey_staff"),
    "rd_doctors": Some("rd_staff", -3.0, innovation=0.6),
    "talents_national": Count(0.02, size=0.3, innovation=0.8, most=20),
    "talents_province": Count(0.05, size=0.3, innovation=0.7, most=30),
    "talents_city": Count(0.15, size=0.3, innovation=0.6, most=50),
    "rd_projects": Count(2.0, size=0.5, innovation=0.5),
    "academia_contracts": Amount("technology_contracts", 0.2, none=0.4),
    "technology_purchases": Amount("revenue", 0.01, none=0.55),
    "hightech_products": Count(1.5, size=0.4, innovation=0.5, most=60),
    "hightech_certificate": Mark(0.32, innovation=0.8, size=0.5),
    "sme_technology": Mark(0.45, innovation=0.8),
    "cultivation_title": Pick((0.004, 0.016, 0.06, 0.92)),
}
_IP: Mapping[str, Shape] = {
    "ip_class1": Same("inventions_granted"),
    "ip_class2": Count(1.5, size=0.5, innovation=0.4),
    "inventions_held": Count(1.6, size=0.8, innovation=0.7, spread=0.7, most=2000),
    "high_value_inventions": Some("inventions_granted", -0.7, innovation=0.3),
    "ic_layouts": Count(0.04, size=0.3, innovation=0.6),
    "trademarks_registered": Count(1.8, size=0.5, innovation=0.1),
    "patent_licence_income": Amount("revenue", 0.01, innovation=0.4, none=0.9),
    "patent_pledge_loans": Amount("revenue", 0.15, none=0.95),
}
_PEOPLE: Mapping[str, Shape] = {
    "insured_bachelors": Some("insured_staff", -0.2, innovation=0.4),
    "insured_wages": Amount("insured_staff", 1.15e5, innovation=0.15, spread=0.2),
    "insurance_arrears": Mark(0.02, innovation=0.0, size=-0.2),
    "statistics_staff": Amount("insured_staff", 1.02, spread=0.06),
}
_BOOKS: Mapping[str, Shape] = {
    "total_assets": Amount("revenue", 1.3, spread=0.45, at_least=5e5),
    "liabilities": PartOf("total_assets", -0.2),
    "annual_report_on_time": Mark(0.96, innovation=0.1),
    "standards_international": Count(0.03, size=0.6, innovation=0.4, most=6),
    "medical_device_certificates": Count(0.15, size=0.4, innovation=0.3, spread=1.2, most=60),
    "quality_awards_province": Count(0.02, size=0.7, most=3),
    "quality_awards_city": Count(0.03, size=0.7, most=4),
    "environment_grade": Pick((0.15, 0.66, 0.14, 0.035, 0.015)),
    "penalties": Count(0.04, size=0.2, innovation=-0.1, most=8),
}
_CUSTOMS: Mapping[str, Shape] = {
    "hightech_exports": PartOf("customs_exports_value_cny", 0.0, innovation=0.8),
    "export_markets": Count(1.2, size=0.6, most=90),
    "customs_grade": Pick((0.06, 0.93, 0.01)),
}
_STATISTICS: Mapping[str, Shape] = {
    "output_value": Amount("revenue", 0.9, spread=0.15, none=0.25),
    "statistics_revenue": Amount("revenue", 1.0, spread=0.02),
    "new_product_revenue": PartOf("revenue", -1.0, innovation=0.8),
    "rd_equipment_value": Amount("rd_expense", 0.8, none=0.2),
    "internal_rd": Amount("rd_expense", 0.93, spread=0.08),
    "above_scale": Mark(0.3, innovation=0.0, size=2.0),
}
_PLANNING: Mapping[str, Shape] = {
    "fixed_investment": Amount("revenue", 0.06, spread=0.9, none=0.5),
    "engineering_centres_province": Count(0.02, size=0.7, innovation=0.6, most=3),
    "engineering_centres_city": Count(0.05, size=0.6, innovation=0.6, most=4),
    "major_projects_province": Count(0.02, size=0.8, most=3),
    "major_projects_city": Count(0.03, size=0.8, most=4),
    "listing_stage": Pick((0.02, 0.01, 0.03, 0.94)),
    "energy_intensity": About(0.08, spread=0.8),
}
_INDUSTRY: Mapping[str, Shape] = {
    "upgrade_investment": Amount("revenue", 0.04, spread=0.9, none=0.5),
    "digital_investment": Amount("revenue", 0.012, innovation=0.3, none=0.25),
    "technology_centres_national": Count(0.02, size=0.9, most=1),
    "technology_centres_province": Count(0.03, size=0.8, innovation=0.5, most=2),
    "technology_centres_city": Count(0.07, size=0.7, innovation=0.5, most=3),
    "first_sets_national": Count(0.02, size=0.6, innovation=0.6, most=3),
    "first_sets_province": Count(0.02, size=0.6, innovation=0.6, most=4),
    "new_products_listed": Count(0.2, size=0.4, innovation=0.5, most=20),
    "specialised_title": Pick((0.02, 0.07, 0.18, 0.73)),
    "champion_title": Pick((0.005, 0.015, 0.98)),
    "green_factory": Pick((0.01, 0.03, 0.96)),
    "smart_factory": Pick((0.005, 0.02, 0.06, 0.915)),
    "electricity_kwh": Amount("revenue", 0.035, spread=0.8, at_least=2e5),
}
CATALOGUE: Mapping[str, Shape] = {**_TAX, **_SCIENCE, **_IP, **_PEOPLE, **_BOOKS, **_CUSTOMS, **_STATISTICS, **_PLANNING, **_INDUSTRY}
