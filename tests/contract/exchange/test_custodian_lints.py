"""A real custodian opens nothing under a model that its own lint does not pass, whoever accepted and admitted it [P7.1, D9]."""

from __future__ import annotations

from pathlib import Path

from crypto.keygen import PrivateKey
from nodes.runtime.clock import now
from tests.support.custodian import MakeIdentity, custodian_site
from tests.support.leaky import leaky_zone


def test_a_custodian_refuses_tickets_under_a_model_that_leaks_in_the_log(
    small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path: Path
) -> None:
    """Every owner has accepted the model and the authority has admitted it: to the log's rules, and to its coordinator, the ticket is good."""
    zone = leaky_zone(small_private_key, tmp_path)
    zone.now = now() - 600
    zone.contribute_columns()
    zone.close_epoch()
    zone.open_totals()
    zone.say(zone.release_statement(), "authority")
    consent = zone.consent(zone.subjects[0])
    zone.now = now()
    with custodian_site(zone, make_identity, tmp_path / "site") as site:
        asked = zone.asked(consent)
        zone.judge(asked.ticket, "coordinator")
        assert site.open(asked.ticket, asked.document.to_bytes()) == "MODEL_LEAKS"
        (refused,) = site.zone.wait(lambda view: view.refusals or None, 20, "the refusal")
    assert (refused.actor, refused.statement.reason) == ("notary", "MODEL_LEAKS")
