"""The refusal catalogue is complete: every error class has a row, every row a class, every reason one meaning."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from grpc import StatusCode

import crypto
from crypto.errors import CryptoError, OpeningError, ProofError
from nodes.errors import NodeError
from protos.errors import CATALOGUE, DETAIL_LIMIT, INTERNAL, by_reason, detail_of, problem, refusal_of
from scoring.errors import ConsentMissingError, LogInconsistentError, RangeError, ScoringError

ROOT = Path(crypto.__file__).parent.parent
MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("[a-z]*/**/errors.py") if ".venv" not in path.parts)


def error_classes() -> set[str]:
    """Every exception class defined in an errors.py of the project, except each package's root."""
    found = set()
    for name in MODULES:
        module = importlib.import_module(name)
        for cls in vars(module).values():
            if isinstance(cls, type) and issubclass(cls, Exception) and cls.__module__ == name and not is_root(cls):
                found.add(f"{name}.{cls.__qualname__}")
    return found


def is_root(cls: type) -> bool:
    """A root is only ever a base: it is what a caller catches."""
    return cls.__bases__ == (Exception,) and bool(cls.__subclasses__())


def test_every_package_with_errors_is_walked() -> None:
    assert {"crypto.errors", "scoring.errors", "connectors.errors", "nodes.errors", "protos.errors"} <= set(MODULES)


def test_every_error_class_has_a_row() -> None:
    assert error_classes() - {"nodes.errors.RpcRefusal"} - set(CATALOGUE) == set()  # RpcRefusal passes another's reason on


def test_every_row_has_a_class() -> None:
    assert set(CATALOGUE) - error_classes() == set()


def test_reasons_are_upper_snake_and_name_one_refusal_each() -> None:
    reasons = [row.reason for row in CATALOGUE.values()]
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]{2,40}", reason) for reason in reasons)
    assert len(reasons) == len(set(reasons))


def test_http_and_grpc_status_agree_on_whose_fault_it_is() -> None:
    for name, row in CATALOGUE.items():
        assert (row.http == 500) == (row.code is StatusCode.INTERNAL), name
        assert row.http == 503 or row.code is not StatusCode.UNAVAILABLE, name
        assert row.http < 500 or row.code in {StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.FAILED_PRECONDITION}, name


def test_published_reasons_of_the_demonstration_are_these() -> None:
    reasons = {
        CATALOGUE[f"scoring.errors.{name}"].reason
        for name in ("ConsentMissingError", "RequestReplayedError", "SignerUnknownError", "ConsentRevokedError")
    }
    assert reasons == {"CONSENT_MISSING", "REQUEST_REPLAYED", "SIGNER_UNKNOWN", "CONSENT_REVOKED"}


def test_a_subclass_without_a_row_is_refused_as_its_ancestor() -> None:
    class NarrowProofError(ProofError):
        pass

    assert refusal_of(NarrowProofError("x")).reason == "PROOF_INVALID"


@pytest.mark.parametrize("error", [ValueError("secret 42"), CryptoError("secret 42"), NodeError("secret 42")])
def test_an_error_without_a_row_tells_the_caller_nothing(error: Exception) -> None:
    assert refusal_of(error) is INTERNAL
    assert "secret" not in detail_of(error, refusal_of(error))


@pytest.mark.parametrize("error", [OpeningError("m = 42"), RangeError("total 42")])
def test_errors_that_could_name_a_value_show_only_the_sentence(error: Exception) -> None:
    assert "42" not in detail_of(error, refusal_of(error))


def test_detail_is_bounded() -> None:
    assert len(detail_of(ConsentMissingError("x" * 10_000), refusal_of(ConsentMissingError()))) == DETAIL_LIMIT


def test_log_inconsistency_is_fatal_and_a_bad_contribution_is_not() -> None:
    assert refusal_of(LogInconsistentError()).fatal
    assert not refusal_of(ProofError()).fatal


def test_problem_document_carries_the_reason_and_status() -> None:
    document = problem(by_reason("CONSENT_MISSING"), "no consent c1", "/v1/scores")
    assert document["reason"] == "CONSENT_MISSING"
    assert document["status"] == 403
    assert document["type"] == "urn:xinqiao:reason:CONSENT_MISSING"
    assert document["detail"] == "no consent c1"
    assert document["instance"] == "/v1/scores"


def test_an_unknown_reason_of_a_newer_process_is_internal() -> None:
    assert by_reason("FROM_THE_FUTURE") is INTERNAL


def test_every_error_that_a_message_can_cause_is_caught_with_the_others() -> None:
    """Loops over what peers send catch the roots of the three packages: an error outside them would stop the process."""
    for name in error_classes():
        module, _, cls = name.rpartition(".")
        if module == "connectors.errors":
            continue  # caused by a department's own sources, which no peer reaches
        assert issubclass(getattr(importlib.import_module(module), cls), CryptoError | ScoringError | NodeError), name
