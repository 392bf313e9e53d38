"""The steps of a publication as the log has them, all of them the authority's: which follows which [N2]. Pure."""

from __future__ import annotations

from scoring.statements import PublicationStepName

BEGINNING = ""
AFTER: dict[PublicationStepName, frozenset[str]] = {
    "announced": frozenset({BEGINNING}),
    "noticed": frozenset({"announced"}),
    "published": frozenset({"noticed"}),
    "withdrawn": frozenset({"announced", "noticed"}),
}
"""``noticed`` waits until enterprises' time to answer is over, ``published`` until the notice is: each step before states when that is."""
TIMED = frozenset({"announced", "noticed"})
