"""Which applications an institution takes: to itself under its own terms, or as a guarantor that an institution's offer names [E4]."""

from __future__ import annotations

from collections.abc import Callable

from crypto.encoding import sha256
from crypto.errors import SignatureError
from nodes.bank.consents import Consents, registrars
from nodes.bank.loans.products import Products
from nodes.errors import NotFoundError
from nodes.lending.book import Kept, Parties
from nodes.lending.messages import LoanMessage, ReadStep, read_step
from nodes.lending.terms import signed_terms
from scoring.errors import ConsentMissingError, LoanStateError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.lending.terms import PURPOSES
from scoring.statements import Binding, Enrolment, SigningKey
from scoring.statements.lending import Consented, Contracted, Disbursed, LoanContent, Offered


class InstitutionAdmission:
    """``nodes.lending.desk.Admission`` of an institution. ``dishonest``: whether a code is on the public list of the dishonest, as kept here."""

    def __init__(self, member: str, registry: MemberRegistry, consents: Consents, products: Products, dishonest: Callable[[str], bool]) -> None:
        self._member, self._registry, self._consents, self._products = member, registry, consents, products
        self._dishonest = dishonest

    def admit(self, sender: str, message: LoanMessage, first: ReadStep, /) -> Parties:
        """The parties of a new application. Raises ConsentMissingError until the notice of a consent brought the enterprise's key."""
        statement, binding = first.statement, registrars(self._registry, bytes.fromhex(message.binding), Binding)
        if binding.service != statement.service:
            raise WrongSignerError(f"{statement.service} does not serve the enterprise of this binding")
        if statement.institution == self._member:
            if sender != statement.service:
                raise WrongSignerError("an application comes from the enterprise's service")
            terms, enrolment = self._own_terms(message), self._consents.enrolment(binding.subject)
            if not enrolment:
                raise ConsentMissingError("no consent of this enterprise has come yet")
        else:
            terms, enrolment = self._shown(sender, message), bytes.fromhex(message.enrolment)
        return Parties(
            statement.application, statement.institution, statement.service, binding.subject, binding.uscc, terms, bytes.fromhex(message.binding),
            enrolment,
        )  # fmt: skip

    def key(self, parties: Parties, /) -> SigningKey | None:
        """The enterprise's key, as the registrar enrolled it."""
        enrolment = registrars(self._registry, parties.enrolment, Enrolment)
        if enrolment.subject != parties.subject:
            raise SignatureError("the enrolment is of another enterprise")
        return enrolment.key

    def ready(self, kept: Kept, content: LoanContent, /) -> None:
        """A consent that is named has come, and is for this product and purpose. Of a guarantor nothing is asked: it is shown no scores."""
        if not isinstance(content, Consented) or kept.parties.institution != self._member:
            return
        held, terms = self._consents.consent(content.consent), kept.app.terms
        if held is None:
            raise ConsentMissingError("the consent that is named has not come yet")
        if (held.subject, held.purpose) != (kept.parties.subject, PURPOSES[terms.institution_kind]) or terms.formula not in held.products:
            raise LoanStateError("the consent that is named is not for this product")

    def vet(self, kept: Kept, content: LoanContent, /) -> None:
        """Nothing is offered, contracted or paid to whoever is on the list of the dishonest, where the terms say so. Raises LoanStateError."""
        forbidden = isinstance(content, Offered | Contracted | Disbursed) and kept.app.terms.refuses_dishonest
        if forbidden and self._dishonest(kept.parties.uscc):
            raise LoanStateError("the enterprise is on the public list of the dishonest: this product is refused to it")

    def _own_terms(self, message: LoanMessage) -> bytes:
        try:
            return self._products.envelope(sha256(bytes.fromhex(message.terms)).hex())
        except NotFoundError as error:
            raise LoanStateError("the application is under terms that we never published") from error

    def _shown(self, sender: str, message: LoanMessage) -> bytes:
        """The institution's terms, shown to us as the guarantor that its offer names."""
        reads = [read_step(signed, self._registry) for signed in message.steps]
        if sender != reads[0].statement.institution:
            raise WrongSignerError("an application is shown to a guarantor by the institution")
        if not any(isinstance(read.paper.content, Offered) and read.paper.content.guarantor == self._member for read in reads):
            raise LoanStateError("no offer of this application names us as guarantor")
        terms = bytes.fromhex(message.terms)
        if signed_terms(terms, self._registry).institution != sender:
            raise WrongSignerError("the terms are not the institution's")
        return terms
