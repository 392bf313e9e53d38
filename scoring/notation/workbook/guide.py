"""What a workbook says of itself to whoever edits it, in Chinese and English. Not read back."""

from __future__ import annotations

from scoring.notation.workbook.cells import Cell

GUIDE_ROWS: tuple[tuple[Cell, ...], ...] = (
    (
        "本工作簿是一个指标体系，可编辑后用 xinqiao model import 导入。",
        "This workbook is an indicator model; edit it, then read it with xinqiao model import.",
    ),
    (
        "每张表首行是列名，请勿删除；行可增删。空单元格表示没有该项。",
        "The first row of each sheet names the columns: keep it. Rows may come and go. An empty cell states nothing.",
    ),
    (
        "计分规则每行一档，例如：\n分档 tiers: rd_staff / survey_staff\n>= 30%: 20\n其他 otherwise: 0",
        "A rule has a line for each band, as on the left. Rules: tiers, linear, table, count, growth, percentile, flag, best_of, sum, never.",
    ),
    ("按比例 linear: rd_expense\n满分值 reference: 500万\n满分 points: 2", "linear: points in proportion, full points at the reference."),
    (
        "对照表 table: credit_grade\n若 if court_enforced: -10\nA: 10\nM: 8\n其他 otherwise: 0",
        "table: a category's points; a flag after 若 if decides before the category.",
    ),
    ("按件 count\ninventions: 3\ndesigns: 0.5\n最高 cap: 10", "count: points for each item, by class, up to the cap."),
    (
        "增速 growth: revenue / revenue_previous\n>= 30%: 10\n>= 0: 3\n其他 otherwise: 0\n基数不为正 when_base_not_positive: 0",
        "growth: bands of growth over the base; what a base of zero or less earns.",
    ),
    ("取高 best_of\n[分档 tiers: a\n>= 1: 5\n其他 otherwise: 0]\n[是否 flag: b\n满分 points: 3]", "best_of and sum: each rule in brackets."),
    ("数字可写作 20、0.5、30%、1,000,000、100万。", "Numbers: 20, 0.5, 30%, 1,000,000, 100万."),
    ("权重：各阶段相同填“各阶段权重”，否则每阶段一列。", "Weights: one for all stages in its column, or one for each stage in theirs."),
    ("公式、外部链接和宏不被接受：请粘贴为数值。", "Formulas, links to other files and macros are refused: paste values."),
    ("来源：published 必须写明来源，其余为 illustrative。", "Provenance: published names its source; everything else is illustrative."),
)
