"""A backup that peers keep: they read nothing of it, and no chunk fits anywhere but in its own place of its own zone's stream."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.encoding import canonical_json, frame, label, sha256
from crypto.errors import SealingError
from crypto.sealing import generate_key, seal
from scoring.federation import backup
from scoring.federation.backup import ChunkHead, Part, PartHead, Place, Reader, entries_of, entries_part, read_head, seal_part
from scoring.federation.errors import BackupError

ZONE, STREAM = "river-zone", "coordinator"
PRIVATE, PUBLIC = generate_key(secrets.randbits)
PARTS = (
    Part("entries", "0-2", frame(b"leaf 0", b"envelope 0", b"leaf 1", b"envelope 1")),
    Part("blob", "ab" * 32, b"z" * (2 * backup.CHUNK_BYTES + 7)),
    Part("checkpoint", "2", b"a signed note"),
    Part("receipt", "cd" * 32, b""),
)


def sealed(zone: str = ZONE, stream: str = STREAM, public: bytes = PUBLIC) -> list[bytes]:
    chunks: list[bytes] = []
    place = Place()
    for part in PARTS:
        made = list(seal_part(part, public, zone, stream, place))
        chunks += [chunk for _, chunk in made]
        place = made[-1][0]
    return chunks


CHUNKS, OTHERS = sealed(), sealed()


def read(chunks: list[bytes], private: bytes = PRIVATE, zone: str = ZONE, stream: str = STREAM) -> list[Part]:
    reader = Reader(private, zone, stream)
    return [part for chunk in chunks if (part := reader.take(chunk)) is not None]


def test_parts_come_back_as_they_were_in_bounded_chunks() -> None:
    assert read(CHUNKS) == list(PARTS)
    assert len(CHUNKS) == 6
    assert max(map(len, CHUNKS)) < backup.CHUNK_BYTES + 2048
    assert entries_of(PARTS[0]) == (0, [(b"leaf 0", b"envelope 0"), (b"leaf 1", b"envelope 1")])
    assert entries_part(0, entries_of(PARTS[0])[1]) == PARTS[0]


def test_a_peer_reads_whose_and_in_which_place_and_nothing_more() -> None:
    head = read_head(CHUNKS[1])
    assert (head.zone, head.stream, head.number) == (ZONE, STREAM, 2)
    for part, chunk in zip(PARTS, (CHUNKS[0], CHUNKS[1], CHUNKS[4], CHUNKS[5]), strict=True):
        assert part.name.encode() not in chunk or part.name in "0-22"
        assert not part.content or part.content[:9] not in chunk
        assert part.kind.encode() not in chunk
    with pytest.raises(BackupError, match="another recovery key"):
        read(CHUNKS, generate_key(secrets.randbits)[0])


def test_a_chunk_that_is_missing_swapped_repeated_or_anothers_is_found() -> None:
    one, two, three, *rest = CHUNKS
    for chunks in ([two], [one, three], [one, three, two, *rest], [one, one], [one, two, three, three], [one, OTHERS[1]], [OTHERS[0], two]):
        with pytest.raises(BackupError, match="does not follow"):
            read(chunks)


def test_a_chunk_of_another_zone_or_stream_is_found() -> None:
    for chunks in (sealed(zone="third-zone"), sealed(stream="bank-a")):
        with pytest.raises(BackupError, match="not of coordinator in river-zone"):
            read(chunks)


def test_what_is_cut_off_at_the_end_gives_no_part() -> None:
    assert read(CHUNKS[:3]) == [PARTS[0]]  # the log tells what is missing (``nodes.recovery``)


def test_a_part_begun_before_a_stop_is_begun_anew() -> None:
    begun = list(seal_part(PARTS[1], PUBLIC, ZONE, STREAM, Place()))[:2]
    anew = list(seal_part(PARTS[1], PUBLIC, ZONE, STREAM, begun[-1][0]))
    assert read([chunk for _, chunk in (*begun, *anew)]) == [PARTS[1]]


def test_a_chunk_of_another_part_does_not_continue_one() -> None:
    """Who knows the public key can seal anything; what was begun goes on with its own next chunk alone."""
    first, chunk = next(iter(seal_part(PARTS[1], PUBLIC, ZONE, STREAM, Place())))
    stranger = Part("blob", "ef" * 32, b"y" * (backup.CHUNK_BYTES + 1))
    said = ChunkHead(format=backup.FORMAT, zone=ZONE, stream=STREAM, key=sha256(PUBLIC).hex(), number=2, previous=first.digest)
    inner = PartHead(kind="blob", name=stranger.name, sha256=sha256(stranger.content).hex(), size=len(stranger.content), place=2, count=2)
    head = canonical_json(said.model_dump(mode="json"))
    enc, ciphertext = seal(PUBLIC, frame(label("backup-chunk")), head, frame(canonical_json(inner.model_dump(mode="json")), b"y"))
    with pytest.raises(BackupError, match="not the next of its part"):
        read([chunk, frame(head, enc + ciphertext)])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CHUNKS) - 1), st.data())
def test_no_flipped_bit_passes(which: int, data: st.DataObject) -> None:
    chunk = bytearray(CHUNKS[which])
    place = data.draw(st.integers(0, 8 * min(len(chunk), 2000) - 1))
    chunk[place // 8] ^= 1 << place % 8
    with pytest.raises(BackupError):
        read([*CHUNKS[:which], bytes(chunk), *CHUNKS[which + 1 :]])


@given(st.binary(max_size=200))
def test_other_bytes_are_no_chunk(data: bytes) -> None:
    with pytest.raises(BackupError):
        read_head(data)


def test_an_unusable_recovery_key_is_refused_before_anything_is_sealed() -> None:
    with pytest.raises(SealingError):
        list(seal_part(PARTS[0], bytes(32), ZONE, STREAM, Place()))


def test_a_range_of_leaves_with_other_entries_is_refused() -> None:
    for part in (PARTS[1], replace(PARTS[0], name="0-3"), replace(PARTS[0], name="two"), replace(PARTS[0], content=PARTS[0].content[:-1])):
        with pytest.raises(BackupError):
            entries_of(part)


def test_a_part_that_grows_beyond_what_it_says_is_refused_before_it_fills_the_memory() -> None:
    """Whoever has the public half can seal: chunk after chunk of a part that never ends."""
    place, reader = Place(), Reader(PRIVATE, ZONE, STREAM)
    for number in (1, 2, 3):
        inner = PartHead(kind="blob", name="ab" * 32, sha256="cd" * 32, size=9, place=number, count=1 << 40)
        head = ChunkHead(format=backup.FORMAT, zone=ZONE, stream=STREAM, key=sha256(PUBLIC).hex(), number=number, previous=place.digest)
        raw = canonical_json(head.model_dump(mode="json"))
        enc, ciphertext = seal(PUBLIC, frame(label("backup-chunk")), raw, frame(canonical_json(inner.model_dump(mode="json")), b"four"))
        chunk = frame(raw, enc + ciphertext)
        place = Place(number, sha256(chunk).hex())
        if number == 3:
            with pytest.raises(BackupError, match="larger than it says"):
                reader.take(chunk)
        else:
            assert reader.take(chunk) is None
