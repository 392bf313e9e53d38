"""Deferred acceptance gives a stable matching that is best for every applicant, and a false list never helps."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.publications.errors import PublicationFormatError
from scoring.publications.matching import Estate, deferred_acceptance

PEOPLE, ESTATES = ("a", "b", "c", "d"), ("x", "y", "z")
Choices = dict[str, tuple[str, ...]]
LISTS = st.lists(st.sampled_from(ESTATES), unique=True).map(tuple)
CHOICES = st.fixed_dictionaries(dict.fromkeys(PEOPLE, LISTS))
ORDERS = st.lists(st.sampled_from(PEOPLE), unique=True).map(tuple)
OFFERS = st.tuples(*(st.builds(Estate, st.just(name), st.integers(0, 2), ORDERS) for name in ESTATES))


def is_stable(matching: dict[str, str], choices: Choices, offers: tuple[Estate, ...]) -> bool:
    """By the definition, straight."""
    by_id = {estate.id: estate for estate in offers}
    for applicant, estate in matching.items():
        if estate not in choices[applicant] or applicant not in by_id[estate].order:
            return False
    for offer in offers:
        inside = [name for name, got in matching.items() if got == offer.id]
        if len(inside) > offer.places:
            return False
        for applicant in offer.order:
            wanted, got = choices[applicant], matching.get(applicant)
            if offer.id not in wanted or (got is not None and wanted.index(got) <= wanted.index(offer.id)):
                continue
            worse = [name for name in inside if offer.order.index(name) > offer.order.index(applicant)]
            if worse or len(inside) < offer.places:
                return False
    return True


@given(CHOICES, OFFERS)
def test_the_matching_is_stable_and_no_stable_one_is_better_for_anybody(choices: Choices, offers: tuple[Estate, ...]) -> None:
    found = deferred_acceptance(choices, offers)
    assert is_stable(found, choices, offers)
    for guess in product(*((None, *choices[name]) for name in PEOPLE)):
        other = {name: estate for name, estate in zip(PEOPLE, guess, strict=True) if estate is not None}
        if is_stable(other, choices, offers):
            for name, estate in other.items():
                assert name in found
                assert choices[name].index(found[name]) <= choices[name].index(estate)


@given(CHOICES, OFFERS, st.sampled_from(PEOPLE))
def test_a_false_list_never_helps(choices: Choices, offers: tuple[Estate, ...], liar: str) -> None:
    true = choices[liar]
    honest = deferred_acceptance(choices, offers).get(liar)
    worth = len(true) if honest is None else true.index(honest)
    for length in range(len(ESTATES) + 1):
        for said in permutations(ESTATES, length):
            got = deferred_acceptance({**choices, liar: said}, offers).get(liar)
            assert got is None or got not in true or true.index(got) >= worth


@pytest.mark.parametrize("wanted", [("x", "x"), ("nowhere",)])
def test_lists_that_make_no_sense_are_refused(wanted: tuple[str, ...]) -> None:
    with pytest.raises(PublicationFormatError):
        deferred_acceptance({"a": wanted}, [Estate("x", 1, ("a",))])
