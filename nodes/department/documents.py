"""The two documents that departments publish before an epoch opens: the registrar's roster, the stage owner's stages [P3.1, P3.2]."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import repeat

from crypto.encoding import sha256
from crypto.statements import SignKey
from crypto.subjects import subject_id
from nodes.contributing.contributions import Records
from nodes.contributing.outbox import Message, Prepared
from nodes.errors import RecordsMissingError
from nodes.runtime import logging
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.errors import RuleError
from scoring.exchange.documents.axes import check_axes_of, stating
from scoring.exchange.roster import Roster, Stages, build_roster, build_stages
from scoring.indicators.model import Model
from scoring.statements import RosterCompiled, StagesPublished

ROSTER_COMPILED = "roster.compiled"
STAGES_COMPUTED = "stages.computed"
_DIVISION = re.compile(r"[0-9]{6}")
_log = logging.logger("department.documents")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Makes documents in the name of the department in ``zone`` that signs with ``signer``."""

    zone: str
    signer: SignKey

    def roster(self, epoch: str, period: str, register: Mapping[str, Mapping[str, str]], roster_key: bytes, model: Model) -> Prepared:
        """The compiled roster of ``register`` (USCC -> fields, of which ``division`` is read, and our own axes of the model's stages).

        An axis is told as a cell between the model's bounds, which the stage tells as well, and never as the value. An enterprise without a
        six-digit division is left out and counted in the log. Raises RecordsMissingError when none is left.
        """
        listed = {subject_id(roster_key, uscc): fields for uscc, fields in register.items() if _DIVISION.fullmatch(fields.get("division", ""))}
        if not listed:
            raise RecordsMissingError(f"the register has no enterprise with a division in period {period}")
        _log.info(ROSTER_COMPILED, epoch=epoch, subjects=len(listed), left_out=len(register) - len(listed))
        subjects = [(subject, fields["division"]) for subject, fields in listed.items()]
        roster = build_roster(self.zone, epoch, period, subjects, stating(model, listed))
        document = roster.to_bytes()
        place = f"roster/{epoch}"
        return Prepared(place, sha256(document).hex(), partial(self._roster, place, roster, document))

    def stages(self, roster: Roster, model: Model, records: Records) -> Prepared:
        """The stages of every subject of ``roster`` by ``records`` (subject id -> fields) and by the cells that the roster states.

        Without usable data the default stage. Raises RosterError when the roster states other axes than the model needs, and
        RecordsMissingError when not one subject is known here: then the roster key or the records are not the zone's.
        """
        if not any(subject in records for subject, _ in roster.subjects):
            raise RecordsMissingError(f"no subject of the roster has a record here for period {roster.period}")
        check_axes_of(roster, model)
        stage_of, unusable = {}, 0
        for (subject, _), cells in zip(roster.subjects, roster.cells or repeat(()), strict=False):
            try:
                stage_of[subject] = model.stage_of(records.get(subject, {}), dict(zip(roster.axes, cells, strict=True)))
            except RuleError:
                unusable += 1
        _log.info(STAGES_COMPUTED, epoch=roster.epoch, subjects=len(roster.subjects), unusable=unusable)
        stages = build_stages(roster, model.sha256, stage_of, [stage.id for stage in model.stages], model.default_stage)
        document = stages.to_bytes()
        place = f"stages/{roster.epoch}"
        return Prepared(place, sha256(document).hex(), partial(self._stages, place, roster, stages, document))

    def _roster(self, place: str, roster: Roster, document: bytes, revision: int) -> Message:
        statement = RosterCompiled(
            zone=self.zone,
            nonce=fresh_nonce(),
            epoch=roster.epoch,
            period=roster.period,
            count=len(roster.subjects),
            sha256=sha256(document).hex(),
        )
        return Message(place, revision, "publish", sign_statement(statement, self.signer), document, source=statement.sha256)

    def _stages(self, place: str, roster: Roster, stages: Stages, document: bytes, revision: int) -> Message:
        statement = StagesPublished(
            zone=self.zone,
            nonce=fresh_nonce(),
            epoch=stages.epoch,
            period=stages.period,
            model=stages.model,
            roster=sha256(roster.to_bytes()).hex(),
            count=len(stages.subjects),
            sha256=sha256(document).hex(),
            merkle_root=stages.merkle_root().hex(),
        )
        return Message(place, revision, "publish", sign_statement(statement, self.signer), document, source=statement.sha256)
