"""An enterprise's side of lists and flats: asks the gateway and speaks there with the enterprise's own key [N3, N4]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crypto.encoding import canonical_json
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.request_document import PUBLICATION_OBJECTIONS, PUBLICATION_WORDS, PUBLICATIONS, Endpoint


class OwnPublicationDesk:
    """Speaks for the enterprises that let this service keep their keys. Every method raises GatewayRefusal, PeerUnavailableError, and
    SubjectUnknownError for an enterprise that is not enrolled."""

    def __init__(self, keyring: Keyring, enrolments: Enrolments, gateway: GatewayClient) -> None:
        self._keyring, self._enrolments, self._gateway = keyring, enrolments, gateway

    def concerning(self, uscc: str) -> dict[str, Any]:
        """``publications``: those for which the enterprise is a candidate, with its word and place; ``notices``: the public ones, with who
        stands there (``gateway.publications.desk``)."""
        return self._ask(PUBLICATIONS, uscc, {})

    def say(self, uscc: str, publication: str, agrees: bool, choices: Sequence[str]) -> None:
        """Whether the enterprise agrees to be named, and the estates that it wants, the most wanted first."""
        self._ask(PUBLICATION_WORDS, uscc, {"publication": publication, "agrees": agrees, "choices": list(choices)})

    def object_to(self, uscc: str, publication: str, about: str, text: str) -> None:
        """Object to the entry of ``about`` (a subject id) on a notice."""
        self._ask(PUBLICATION_OBJECTIONS, uscc, {"publication": publication, "about": about, "text": text})

    def _ask(self, endpoint: Endpoint, uscc: str, body: Mapping[str, object]) -> dict[str, Any]:
        enterprise = self._enrolments.enrolled(uscc)
        signer = self._keyring.get(enterprise.key_id).signer
        answer = self._gateway.ask(endpoint, canonical_json({"subject": enterprise.subject, **body}), signer)
        assert answer.body is not None  # only releases are awaited
        return answer.body
