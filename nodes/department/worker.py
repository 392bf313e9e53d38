"""The department at work: beside columns it publishes rosters and stages, makes rows under consents, enrols
enterprises' keys, and shows enterprises what it holds of them."""

from __future__ import annotations

from collections.abc import Callable

from crypto.encoding import sha256
from nodes.contributing.offering import RowKey
from nodes.contributing.office import Office
from nodes.contributing.outbox import Kept
from nodes.contributing.trust import OpenEpoch
from nodes.contributing.worker import ContributingMember
from nodes.department.documents import Publisher
from nodes.department.enrolment import ENROLMENT_PLACE, EnrolmentDesk
from nodes.department.values.desk import ValuesDesk
from nodes.runtime.clock import Clock
from nodes.runtime.replica.relay import ENROLMENT_REQUEST, VALUE_ANSWERS, VALUES_REQUEST
from protos.v1.exchange_pb2 import ContributeRow, PrepareEpoch, WorkItem
from scoring.errors import WrongOwnerError, WrongRosterError
from scoring.exchange.contributions import row_entries
from scoring.exchange.documents.axes import axis_owner, check_stated, stated_axes
from scoring.exchange.roster import check_compiled, parse_roster
from scoring.statements import RosterCompiled


class Department(ContributingMember):
    """A contributor that holds the zone's roster key. Handles work items one at a time."""

    def __init__(self, office: Office, roster_key: bytes, values: ValuesDesk, fetch: Callable[[str], bytes], now: Clock) -> None:
        super().__init__(office, fetch)
        self._roster_key, self._values, self._now = roster_key, values, now
        self._desk = EnrolmentDesk(office.identity, office.trust, office.store, office.outbox, roster_key)

    def settled(self, kept: Kept, leaf_index: int, reason: str) -> None:
        """What follows from a message that was acknowledged or refused."""
        super().settled(kept, leaf_index, reason)
        if kept.message.place.startswith(ENROLMENT_PLACE):
            self._desk.settled(kept, leaf_index, reason)

    def _do(self, item: WorkItem) -> bool:
        kind = item.WhichOneof("work")
        if kind == "prepare":
            self._prepare(item.prepare)
        elif kind == "row":
            self._row(item.row)
        elif kind == "sealed" and item.sealed.subject_matter == ENROLMENT_REQUEST:
            self._desk.ask(item.sealed.sender, item.sealed.sealed)
        elif kind == "sealed" and item.sealed.subject_matter == VALUES_REQUEST:
            self._values.ask(item.sealed.sender, item.sealed.sealed)
        elif kind == "sealed" and item.sealed.subject_matter == VALUE_ANSWERS:
            self._values.answer(item.sealed.sender, item.sealed.sealed)
        else:
            return super()._do(item)
        return True

    def _prepare(self, work: PrepareEpoch) -> None:
        trust, model = self._office.trust, self._office.trust.model(work.model.hex())
        if not work.roster_envelope:
            if "registrar" not in trust.member.roles:
                raise WrongOwnerError(f"{trust.member.id} is not the registrar")
            owner = axis_owner(model)
            if owner is not None and (owner.department, owner.level) != (trust.member.department, trust.member.level):
                raise WrongOwnerError(f"{trust.member.id} does not own {', '.join(stated_axes(model))} of {model.id}@{model.version}")
            register = self._office.store.period(work.period)
            self._office.outbox.offer(self._publisher().roster(work.epoch, work.period, register, self._roster_key, model))
            return
        if (model.stage_owner.department, model.stage_owner.level) != (trust.member.department, trust.member.level):
            raise WrongOwnerError(f"{trust.member.id} does not stage the subjects of {model.id}@{model.version}")
        compiled = trust.statement(work.roster_envelope, RosterCompiled, "registrar")
        roster = parse_roster(self._fetch(compiled.sha256))
        check_compiled(roster, compiled)
        if (compiled.epoch, compiled.period) != (work.epoch, work.period):
            raise WrongRosterError(f"the roster is of epoch {compiled.epoch}, period {compiled.period}")
        self._office.outbox.offer(self._publisher().stages(roster, model, self._records(work.period)[0]))

    def _publisher(self) -> Publisher:
        return Publisher(self._office.identity.zone, self._office.identity.signer)  # with the key of the moment

    def _row(self, work: ContributeRow) -> None:
        contributor = self._contributor(work.epoch_open_envelope)
        given = self._office.trust.consent(work.consent_envelope, work.enrolment_envelope, contributor.epoch, self._now())
        consent = given.consent
        entries = row_entries(contributor.epoch.model, contributor.member, consent.functionals)
        if entries:
            self._offering.row(contributor, RowKey(entries, consent.subject, consent.audience, given.digest))

    def _check_own_documents(self, epoch: OpenEpoch) -> None:
        """The epoch is over the roster that we compiled and the stages that we published, where that was ours to do."""
        assert epoch.stages is not None  # a department is given the whole roster
        compiled = self._office.outbox.latest(f"roster/{epoch.opened.epoch}")
        subjects = tuple(sorted((subject, division) for subject, division, _ in epoch.stages.subjects))
        if compiled is not None:
            roster = parse_roster(compiled.message.content)
            if roster.subjects != subjects:
                raise WrongRosterError("the epoch is over another roster than the one that we compiled")
            check_stated(epoch.stages, roster, epoch.model)
        staged = self._office.outbox.latest(f"stages/{epoch.opened.epoch}")
        if staged is not None and sha256(staged.message.content).hex() != epoch.opened.roster:
            raise WrongRosterError("the epoch is over other stages than those that we published")
