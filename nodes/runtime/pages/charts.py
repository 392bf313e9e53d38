"""Charts as SVG, drawn on the server; beside each stands its table, so that nothing is told by a picture alone [W7]."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import pygal
from pygal.style import Style

INK = ("#0b4f8a", "#b35900", "#2b7a4b", "#7a3e9d", "#8f1d1a", "#4a5a6a", "#a3701c", "#00737a")
_STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#555c66", foreground_strong="#1b1f24", foreground_subtle="#c9ced6",
    colors=INK, guide_stroke_color="#9aa3ad", major_guide_stroke_color="#9aa3ad", guide_stroke_dasharray="1,4", major_guide_stroke_dasharray="1,4",
    font_family="'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', sans-serif", label_font_size=13, major_label_font_size=13,
    legend_font_size=13, value_font_size=12, opacity=".75", transition="none",
)  # fmt: skip
_DARK = (
    "@media (prefers-color-scheme: dark) {{ {{{{ id }}}} text {{ fill: #d7dce2 !important }} {{{{ id }}}} .series {{ filter: brightness(1.9) }} }}"
)
_ROOM = {"line": {"margin_left": 48, "margin_right": 60}}  # for the first and the last label, which are centred on the ends of the line
_KINDS = {"bar": pygal.Bar, "line": pygal.Line, "radar": pygal.Radar, "stacked": pygal.StackedBar, "horizontal": pygal.HorizontalBar}


@dataclass(frozen=True, slots=True)
class Series:
    """One named row of numbers, one for each label of its chart; None where there is none, or where it may not be told."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows; texts are in the page's language already. ``top``: the end of the scale, where it is known;
    ``whole``: numbers of things, whose scale has no fractions."""

    kind: Literal["bar", "line", "radar", "stacked", "horizontal"]
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    top: float | None = None
    height: int = 360
    whole: bool = False

    def svg(self) -> bytes:
        """The picture. It carries no script and asks for nothing."""
        scale = None if self.top is None else (0, self.top)
        drawn = _KINDS[self.kind](
            style=_STYLE, js=[], width=760, height=self.height, show_legend=len(self.series) > 1, legend_at_bottom=True, pretty_print=False,
            disable_xml_declaration=False, explicit_size=True, no_data_text="–", margin=8, spacing=6, range=scale, **_ROOM.get(self.kind, {}),
            css=["file://style.css", "file://graph.css", f"inline:{_DARK.format()}"], include_x_axis=True, fill=self.kind == "radar",
        )  # fmt: skip
        if self.whole:
            drawn.order_min = 0
        drawn.add_xml_filter(_without_scripts)
        drawn.x_labels = list(self.labels)
        for series in self.series:
            drawn.add(series.name, list(series.values))
        return bytes(drawn.render())

    def data_uri(self) -> str:
        """The picture within the page."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg()).decode()}"


def _without_scripts(picture: Any) -> Any:
    """The library adds its settings as a script, for scripts that we do not have."""
    for parent in list(picture.iter()):
        for child in [each for each in parent if str(each.tag).endswith("script")]:
            parent.remove(child)
    return picture


def histogram(title: str, name: str, values: Sequence[int], edges: Sequence[int], unit: int = 1) -> Chart:
    """How many of ``values`` lie in [edge, next edge); the last class is closed on both sides. ``unit``: divides the edges that are shown.

    >>> histogram("", "", [0, 5, 10], [0, 5, 10]).series[0].values
    (1, 2)
    """
    counts = [0] * (len(edges) - 1)
    for value in values:
        place = sum(value >= edge for edge in edges[1:-1])
        counts[place] += 1
    labels = tuple(f"{low // unit}–{high // unit}" for low, high in pairwise(edges))
    return Chart("bar", title, labels, (Series(name, tuple(counts)),), whole=True)
