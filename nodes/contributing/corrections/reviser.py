"""Corrections in an open epoch: what records say otherwise than a contribution did is said again, as its next revision [C5, P4.3].

Column and row of one subject keep saying the same [P4.5]: rows take their points from columns, and follow them. Where the first ticket
froze a row [P7.2], and after the epoch's close, nothing is corrected any more. Which epochs are open, and how far records were looked at,
is on disk: a crash loses no correction and makes none twice.
"""

from __future__ import annotations

from collections.abc import Callable

from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from nodes.contributing.contributions import Contributor
from nodes.contributing.corrections.epochs import Contributed
from nodes.contributing.offering import Offering, RowKey
from nodes.contributing.office import Office
from nodes.contributing.outbox import Kept, Standing
from nodes.errors import FatalError, NodeError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from protos.errors import CATALOGUE, refusal_of
from scoring.errors import ScoringError
from scoring.statements import Row, parse_statement

EPOCH_STATE = CATALOGUE["scoring.errors.EpochStateError"].reason
ROW_FROZEN = CATALOGUE["scoring.errors.RowFrozenError"].reason
REVISION_OFFERED, REVISION_FROZEN, REVISION_DELAYED, EPOCH_OVER = "revision.offered", "revision.frozen", "revision.delayed", "epoch.over"
_UNSIGNED = frozenset({"held", "rejected", "superseded"})
_log = logging.logger("contributing.revisions")


class Reviser:
    """Revises the contributions of ``office``. ``contributor`` makes one from an EpochOpen envelope, with the records of now."""

    def __init__(self, office: Office, contributor: Callable[[bytes], Contributor]) -> None:
        self._office, self._epochs, self._contributor = office, office.epochs, contributor
        self._offering = Offering(office)
        self._followed: dict[str, list[tuple[str, int, str]]] = {}  # epoch -> columns that rows have followed

    def run(self) -> None:
        """Offer a revision of each contribution to an open epoch that says otherwise than the records, once for however many deliveries, and of
        each column that was made when fewer of its enterprises were known [M7].

        Raises PeerUnavailableError, or RpcRefusal with a status that asks to try again, when an epoch's documents cannot be had now, and
        FatalError. Whatever else stands against an epoch's revision is logged, and tried again with the next pass.
        """
        version, looked, done = self._office.store.version, self._epochs.looked_at("records"), True
        known = self._office.subjects.version
        others = known != self._epochs.looked_at("subjects")
        for epoch in self._epochs.unfinished():
            try:
                self._look_at(epoch, changed=others or (version > looked and self._office.store.changed(epoch.period, looked)))
            except (FatalError, PeerUnavailableError):
                raise
            except (ScoringError, CryptoError, NodeError) as error:
                if isinstance(error, RpcRefusal) and error.passing:
                    raise
                _log.warning(REVISION_DELAYED, epoch=epoch.epoch, reason=refusal_of(error).reason, error=type(error).__name__)
                done = False
        if done and version > looked:
            self._epochs.look("records", version)
        if done and others:
            self._epochs.look("subjects", known)

    def settled(self, kept: Kept, reason: str) -> None:
        """What a refusal of a revision means."""
        if reason == ROW_FROZEN and kept.message.place.startswith("row/"):
            _log.info(REVISION_FROZEN, place=kept.message.place, revision=kept.message.revision)

    def _look_at(self, epoch: Contributed, *, changed: bool) -> None:
        if self._office.secrets.kept(epoch.epoch) is None:
            self._epochs.move(epoch.epoch, "closed")  # its secret is erased: nothing is contributed to it any more
        elif epoch.phase == "closing" or self._office.outbox.was_refused(_columns(epoch), EPOCH_STATE):
            self._finish(epoch)
        else:
            self._revise(epoch, changed=changed)

    def _revise(self, epoch: Contributed, *, changed: bool) -> None:
        columns = self._revise_columns(epoch) if changed else 0
        rows = self._follow(epoch)
        if columns or rows:
            _log.info(REVISION_OFFERED, epoch=epoch.epoch, columns=columns, rows=rows)

    def _revise_columns(self, epoch: Contributed) -> int:
        contributor, offered = self._contributor(epoch.envelope), 0
        for prepared, scored in self._offering.columns(contributor):
            latest = self._office.outbox.latest(prepared.place)
            if latest is not None and latest.message.source != prepared.source:  # None: it was never asked for
                self._offering.column(contributor, prepared, scored)
                offered += 1
        return offered

    def _finish(self, epoch: Contributed) -> None:
        """Rows say what the columns said that counted, once no column of the epoch waits any more."""
        if self._office.outbox.waits(_columns(epoch)):
            return
        rows = self._follow(epoch)
        self._epochs.move(epoch.epoch, "closed")
        self._followed.pop(epoch.epoch, None)
        _log.info(EPOCH_OVER, epoch=epoch.epoch, rows=rows)

    def _follow(self, epoch: Contributed) -> int:
        """Offer each row of the epoch anew that says otherwise than our columns, where these are others than it followed last. A row that was
        refused is left: a ticket froze it, or its consent is over."""
        columns = [(item.place, item.revision, item.state) for item in self._office.outbox.newest(_columns(epoch))]
        if self._followed.get(epoch.epoch) == columns:
            return 0
        standing = [item for item in self._office.outbox.newest(f"row/{epoch.epoch}/") if item.state != "refused"]
        offered = self._revise_rows(epoch, standing) if standing else 0
        self._followed[epoch.epoch] = columns
        return offered

    def _revise_rows(self, epoch: Contributed, standing: list[Standing]) -> int:
        contributor, said, offered = self._contributor(epoch.envelope), self._offering.said(epoch.epoch), 0
        for item in standing:
            key = _row_key(item)
            if self._offering.row_of(contributor, key, said)[0].source != item.source:
                self._offering.row(contributor, key)
                offered += 1
        return offered


def _row_key(standing: Standing) -> RowKey:
    payload = standing.envelope if standing.state in _UNSIGNED else parse_envelope(standing.envelope).payload
    statement = parse_statement(Row.payload_type(), payload)
    assert isinstance(statement, Row)  # what lies in these places
    header = statement.header
    return RowKey(header.entries, header.subject, header.audience, header.consent)


def _columns(epoch: Contributed) -> str:
    return f"column/{epoch.epoch}/"
