"""The steps of a publication as the log has them, all of them the authority's: which follows which [N2]. Pure."""

from __future__ import annotations

from typing import Literal

PublicationStepName = Literal["announced", "noticed", "published", "withdrawn"]
BEGINNING = ""
AFTER: dict[str, frozenset[str]] = {
    "announced": frozenset({BEGINNING}),
    "noticed": frozenset({"announced"}),
    "published": frozenset({"noticed"}),
    "withdrawn": frozenset({"announced", "noticed"}),
}
"""``noticed`` waits until enterprises' time to answer is over, ``published`` until the notice is: each step before states when that is."""
TIMED = frozenset({"announced", "noticed"})
STATES = {
    "announced": ("征询企业意见", "enterprises are asked"), "noticed": ("公示中", "on public notice"),
    "published": ("已公布", "published"), "withdrawn": ("已撤回", "withdrawn"),
}  # fmt: skip
"""The state after each step, in Chinese and English."""
