"""Errors of the mathematics. All say what did not hold; none knows a transport."""


class CryptoError(Exception):
    """Root of this package's errors."""


class EncodingError(CryptoError):
    """A value cannot be encoded canonically, or bytes are not of the stated width."""


class KeyFormatError(CryptoError):
    """A public key, share or transcript is malformed or does not satisfy its definition [P1.1, P1.2, P1.5]."""


class CiphertextError(CryptoError):
    """A ciphertext is outside [1, n²) or shares a factor with n [P4.3]."""


class ProofError(CryptoError):
    """A proof of knowledge does not verify [P4.6]."""


class OpeningError(CryptoError):
    """An opening (m, r) does not open its ciphertext, or partials do not combine to one [P1.4]."""


class PartialError(CryptoError):
    """A partial opening is malformed: out of range, duplicate or unknown custodian, mixed generations."""


class PackingError(CryptoError):
    """Slots do not fit their interval or a packed value has a remainder [P2.2]."""


class SignatureError(CryptoError):
    """A signature does not verify under the expected key."""


class EnvelopeFormatError(CryptoError):
    """Bytes are not one DSSE envelope."""


class MerkleError(CryptoError):
    """A Merkle proof does not verify or its preconditions do not hold [L6]."""


class NoteError(CryptoError):
    """A signed note, checkpoint, cosignature or tlog-proof is malformed or not signed as required [L1, L5]."""


class SealingError(CryptoError):
    """A sealed message does not open [P5.4]."""


class SubjectError(CryptoError):
    """A unified social credit code is malformed; the message names which part."""
