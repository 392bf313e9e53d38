"""Items of the other zone's outbox, as this node keeps them: the rows are the cursor, so that neither can be without the other [F4, F5]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from crypto.encoding import sha256
from nodes.errors import PeerUnavailableError, QuotaFullError, RpcRefusal
from nodes.peering.settings import BACKUP
from nodes.peering.settings import ITEMS as SHOWN
from nodes.runtime import logging
from nodes.runtime.database import reading, writing
from nodes.runtime.files import BLOCK_BYTES
from nodes.runtime.peers import rpc
from nodes.runtime.peers.absence import Absence
from nodes.runtime.peers.guard import LONGEST_STREAM_S
from protos.errors import WireFormatError
from protos.v1 import federation_pb2 as wire
from protos.v1.federation_pb2_grpc import FederationStub

LOOK_S = 1.0
LONGEST_NAME, DIGEST_BYTES = 200, 32
ROW_BYTES = 256  # what an item takes beside its bytes: small ones, and those that were withdrawn, cost too
METADATA = sa.MetaData()
ITEMS = sa.Table(
    "peer_items",
    METADATA,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("digest", sa.LargeBinary(DIGEST_BYTES), nullable=False),
    sa.Column("content", sa.LargeBinary),  # null where the origin had withdrawn it; last, so that what is before it is read without it
)

_log = logging.logger("peer")


class ItemStore:
    """The items in ``engine``. Thread-safe; what a method stored is durable when it returns."""

    def __init__(self, engine: sa.Engine, most_bytes: Mapping[str, int] | None = None) -> None:
        """``most_bytes``: of each part (``part_of``) at most; none sets no bound."""
        self._engine, self._most_bytes = engine, most_bytes or {}
        self._full: frozenset[str] = frozenset()
        self._kept = self._measured()

    @property
    def kept_bytes(self) -> dict[str, int]:
        """What is kept of each part."""
        return dict(self._kept)

    @property
    def full(self) -> frozenset[str]:
        """Parts of which more was sent than is kept, since this process began."""
        return self._full

    def cursors(self, kinds: frozenset[str]) -> dict[str, int]:
        """The last stored number of each kind, 0 for none."""
        query = sa.select(ITEMS.c.kind, sa.func.max(ITEMS.c.sequence)).group_by(ITEMS.c.kind)
        with reading(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {kind: found.get(kind, 0) for kind in sorted(kinds)}

    def take(self, items: Sequence[wire.ReplicatedItem], kinds: frozenset[str]) -> None:
        """Store items that follow on, all or none. Raises WireFormatError for one of none of ``kinds``, for a number that does not follow, for
        a name or digest that is none, and for content that is not its digest's; QuotaFullError when a part would be larger than is kept of it."""
        cursors = self.cursors(kinds)
        for item in items:
            if item.kind not in cursors:
                raise WireFormatError("nobody asked for items of this kind")
            if item.sequence != cursors[item.kind] + 1:
                raise WireFormatError(f"expected number {cursors[item.kind] + 1} of {item.kind}, got {item.sequence}")
            if not 0 < len(item.name) <= LONGEST_NAME or not item.name.isprintable() or len(item.digest) != DIGEST_BYTES:
                raise WireFormatError(f"{item.kind} {item.sequence} has no name of up to {LONGEST_NAME} printable characters and a digest")
            if not item.withdrawn and sha256(item.content) != item.digest:
                raise WireFormatError(f"{item.kind} {item.sequence} is not what its digest says")
            cursors[item.kind] += 1
        rows = [
            {
                "kind": item.kind,
                "sequence": item.sequence,
                "name": item.name,
                "digest": item.digest,
                "content": None if item.withdrawn else item.content,
            }
            for item in items
        ]
        kept = self._with_room_for(items)
        with writing(self._engine) as connection:
            connection.execute(sa.insert(ITEMS), rows)
        self._kept = kept

    def index(self) -> dict[str, dict[str, dict[str, object]]]:
        """Kind → name → number and digest of the newest item of each name that has content. Of every kind that is shown: chunks of a backup, of
        which there may be any number, nobody asks for by name."""
        found: dict[str, dict[str, dict[str, object]]] = {}
        shown = (ITEMS.c.content.is_not(None), ITEMS.c.kind != BACKUP)
        query = sa.select(ITEMS.c.kind, ITEMS.c.name, ITEMS.c.sequence, ITEMS.c.digest).where(*shown)
        with reading(self._engine) as connection:
            for row in connection.execute(query.order_by(ITEMS.c.kind, ITEMS.c.sequence)):
                found.setdefault(row.kind, {})[row.name] = {"sequence": row.sequence, "digest": row.digest.hex()}
        return found

    def listed(self) -> Iterator[tuple[str, int, str, bytes, bool]]:
        """(kind, number, name, digest, whether the content is kept) of every item, by kind and number."""
        query = sa.select(ITEMS.c.kind, ITEMS.c.sequence, ITEMS.c.name, ITEMS.c.digest, ITEMS.c.content.is_not(None).label("kept"))
        with reading(self._engine) as connection:
            for row in connection.execute(query.order_by(ITEMS.c.kind, ITEMS.c.sequence)):
                yield row.kind, row.sequence, row.name, row.digest, bool(row.kept)

    def contents(self, kind: str, after: int = 0) -> Iterator[tuple[int, str, bytes, bytes]]:
        """(number, name, digest, content) of the kind's items beyond ``after`` that have content, in order, one in memory at a time."""
        sequence = after
        query = sa.select(ITEMS.c.sequence, ITEMS.c.name, ITEMS.c.digest, ITEMS.c.content).order_by(ITEMS.c.sequence).limit(1)
        while True:
            with reading(self._engine) as connection:
                here = (ITEMS.c.kind == kind, ITEMS.c.sequence > sequence, ITEMS.c.content.is_not(None))
                row = connection.execute(query.where(*here)).first()
            if row is None:
                return
            sequence = row.sequence
            yield row.sequence, row.name, row.digest, row.content

    def _with_room_for(self, items: Sequence[wire.ReplicatedItem]) -> dict[str, int]:
        """What is kept with ``items``. Raises QuotaFullError."""
        kept = self.kept_bytes
        for item in items:
            content = 0 if item.withdrawn else len(item.content) + (BLOCK_BYTES if is_shown(item.kind) else 0)
            kept[part_of(item.kind)] += ROW_BYTES + len(item.name) + content
        for part, most in self._most_bytes.items():
            if kept.get(part, 0) > most and kept[part] > self._kept[part]:
                self._full |= {part}
                raise QuotaFullError(f"{self._kept[part]} bytes of {part} are here, more came, {most} are kept at most")
        return kept

    def _measured(self) -> dict[str, int]:
        content = sa.func.coalesce(sa.func.length(ITEMS.c.content), 0)
        size, files = sa.func.sum(content + sa.func.length(ITEMS.c.name) + ROW_BYTES), sa.func.count(ITEMS.c.content)
        query = sa.select(ITEMS.c.kind, size, files).group_by(ITEMS.c.kind)
        kept = {SHOWN: 0, BACKUP: 0}
        with reading(self._engine) as connection:
            for kind, size, files in connection.execute(query):
                kept[part_of(kind)] += int(size) + (int(files) * BLOCK_BYTES if is_shown(kind) else 0)
        return kept


def part_of(kind: str) -> str:
    """Which bound items of a kind count under: a backup has its own, all others have one together."""
    return BACKUP if kind == BACKUP else SHOWN


def is_shown(kind: str) -> bool:
    """Whether items of a kind lie in the mirror too, each a file. A backup's chunks, which only the zone that sealed them can read, do not."""
    return kind != BACKUP


class ItemPuller:
    """Keeps ``store`` at the outbox's newest items of the kinds that ``granted`` names, over one stream that it opens itself.

    ``stored`` hears of each batch once it is durable. A server that sends something else than the next items is left and asked again.
    """

    def __init__(
        self, stub: FederationStub, store: ItemStore, granted: Callable[[], frozenset[str]], stored: Callable[[Sequence[wire.ReplicatedItem]], None]
    ) -> None:
        self._stub, self._store, self._granted, self._stored = stub, store, granted, stored
        self._stop = threading.Event()
        self._call: rpc.Call[wire.ReplicatedItems] | None = None

    def cancel(self) -> None:
        """End ``run``, from any thread."""
        self._stop.set()
        if self._call is not None:
            self._call.cancel()

    def run(self) -> None:
        """Pull until cancelled; goes on after a cut from what is stored. Raises storage errors."""
        absence = Absence(_log, "coordinator", self._stop)
        while not self._stop.is_set():
            kinds = frozenset(kind for kind in self._granted() if part_of(kind) not in self._store.full)
            try:
                if kinds:
                    self._pull(kinds, absence)
            except (PeerUnavailableError, RpcRefusal, WireFormatError) as error:
                absence.lost(error)
            except QuotaFullError as error:  # the other parts go on
                _log.error(logging.PEER_FULL, peer="coordinator", part=sorted(self._store.full), detail=str(error))
            else:
                self._stop.wait(LOOK_S)

    def _pull(self, kinds: frozenset[str], absence: Absence) -> None:
        """Store what comes until the stream ends or other kinds are granted."""
        cursors = [wire.ReplicationCursor(kind=kind, after=after) for kind, after in self._store.cursors(kinds).items()]
        request = wire.ReplicateRequest(cursors=cursors)
        call: rpc.Call[wire.ReplicatedItems] = rpc.stream(self._stub.Replicate, request, timeout_s=LONGEST_STREAM_S / 2)
        self._call = call
        if self._stop.is_set():
            call.cancel()
        for batch in call:
            if batch.items:
                self._store.take(batch.items, kinds)
                self._stored(batch.items)
            absence.over()
            if {kind for kind in self._granted() if part_of(kind) not in self._store.full} != kinds:
                break
