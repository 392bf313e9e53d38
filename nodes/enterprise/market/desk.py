"""An enterprise's applications: begun with its own key, consented to, carried on to the contract and beyond [E3, E4, Q8]."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager

from nodes.enterprise.consents import DAY_S, ConsentDesk
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.market.catalog import Catalog
from nodes.errors import NotFoundError
from nodes.lending.book import Kept, KeptStep, LoanBook, Parties
from nodes.lending.desk import LoanDesk
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from protos.v1.exchange_pb2 import Sealed
from scoring.errors import LoanStateError
from scoring.lending.terms import PURPOSES
from scoring.statements import Title
from scoring.statements.lending import Accepted, Applied, Assigned, Consented, Drawn, LoanContent, Unassigned, Withdrawn

STANDS_DAYS = 30


class MarketDesk:
    """Applies and carries on for the enterprises that this service serves. Every method that takes a step raises as ``LoanDesk.say``."""

    def __init__(
        self, identity: Identity, keyring: Keyring, enrolments: Enrolments, consents: ConsentDesk, catalog: Catalog, book: LoanBook, desk: LoanDesk,
        now: Clock,
    ) -> None:  # fmt: skip
        self._identity, self._keyring, self._enrolments, self._consents = identity, keyring, enrolments, consents
        self.catalog, self._book, self._desk, self._now = catalog, book, desk, now

    # --- what there is ---

    def of(self, uscc: str) -> list[Kept]:
        """Applications of one enterprise, the last changed first."""
        return self._book.all(uscc)

    def get(self, uscc: str, application: str) -> Kept:
        """One application of this enterprise. Raises NotFoundError, for another's too."""
        kept = self._book.get(application)
        if kept.parties.uscc != uscc:
            raise NotFoundError("no such application is known here")
        return kept

    def steps(self, uscc: str, application: str) -> list[KeptStep]:
        """Its steps, in order. Raises as ``get``."""
        self.get(uscc, application)
        return self._book.steps(application)

    def consent_text(self, kept: Kept) -> Title:
        """What the enterprise is told before it lets the institution ask. Raises as ``ConsentDesk.text``."""
        return self._consents.text(kept.parties.institution, [kept.app.terms.formula])

    # --- steps of the enterprise ---

    def apply(self, uscc: str, institution: str, product: str, amount_fen: int, months: int, purpose: str) -> Kept:
        """Begin an application under the newest terms of a product; it stands for thirty days.

        Raises SubjectUnknownError, NotFoundError, TermsError, LoanAmountError, and as ``LoanDesk.apply``.
        """
        enterprise, offered = self._enrolments.enrolled(uscc), self.catalog.product(institution, product, self._now())
        content = Applied(
            product=product, terms=offered.digest, subject=enterprise.subject, amount_fen=amount_fen, term_months=months, purpose=purpose,
            until=self._now() + STANDS_DAYS * DAY_S,
        )  # fmt: skip
        parties = Parties(
            secrets.token_hex(16), institution, self._identity.member, enterprise.subject, uscc, offered.envelope, bytes.fromhex(enterprise.binding)
        )
        return self._desk.apply(parties, content, self._keyring.get(enterprise.key_id).signer)

    def unmoved(self, application: str, last: str) -> AbstractContextManager[None]:
        """As ``LoanDesk.unmoved``."""
        return self._desk.unmoved(application, last)

    def consent(self, uscc: str, application: str) -> Kept:
        """Consent to the institution's query, and say so."""
        kept = self.get(uscc, application)
        terms = kept.app.terms
        given = self._consents.give(uscc, kept.parties.institution, PURPOSES[terms.institution_kind], [terms.formula])
        return self._say(kept, Consented(consent=given.id))

    def accept(self, uscc: str, application: str, offer: str) -> Kept:
        """Accept the offer in the paper ``offer``: the one that the enterprise has read. Raises LoanStateError when another stands."""
        kept = self.get(uscc, application)
        if kept.app.offer_paper != offer:
            raise LoanStateError("the offer has changed: read it again")
        return self._say(kept, Accepted(offer=offer))

    def withdraw(self, uscc: str, application: str, note: str) -> Kept:
        """Withdraw an application. The consent stays until it is taken back by itself."""
        return self._say(self.get(uscc, application), Withdrawn(note=note))

    def draw(self, uscc: str, application: str, amount_fen: int) -> Kept:
        """Draw on a revolving line."""
        return self._say(self.get(uscc, application), Drawn(amount_fen=amount_fen))

    def assign(self, uscc: str, application: str, supplier: str, amount_fen: int) -> Kept:
        """Set a part of a revolving line apart for a supplier."""
        return self._say(self.get(uscc, application), Assigned(supplier=supplier, amount_fen=amount_fen))

    def unassign(self, uscc: str, application: str, supplier: str, amount_fen: int) -> Kept:
        """Take back what was set apart and not paid."""
        return self._say(self.get(uscc, application), Unassigned(supplier=supplier, amount_fen=amount_fen))

    # --- the others' steps ---

    def receive(self, sealed: Sealed) -> None:
        """Take an institution's message. Raises PeerUnavailableError while the log does not show what it names."""
        self._desk.receive(sealed)

    def resume(self) -> None:
        """Send again what is not known to be logged or sent. Raises PeerUnavailableError, RpcRefusal, NotReadyError."""
        self._desk.resume()
        self._desk.again()

    def _say(self, kept: Kept, content: LoanContent) -> Kept:
        enterprise = self._enrolments.enrolled(kept.parties.uscc)
        return self._desk.say(kept.app.id, content, self._keyring.get(enterprise.key_id).signer)
