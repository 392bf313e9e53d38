"""Which policies come with the program: Zhengzhou's first five items paid without application, worded and priced by us to show the software."""

from __future__ import annotations

from pathlib import Path

import yaml

import scoring
from scoring.policies.errors import PolicyFormatError
from scoring.policies.policy import Policy, policy_of

TEXTS = Path(scoring.__file__).parent / "policies" / "texts"
MAX_BYTES = 256 * 1024


def shipped_policies() -> list[Policy]:
    """The policies, by id."""
    return [read_policy(path) for path in sorted(TEXTS.glob("*.yaml"))]


def read_policy(path: Path) -> Policy:
    """The policy in a YAML file. Raises PolicyFormatError naming the file and what would be right."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise PolicyFormatError(f"{path}: a policy's file has at most {MAX_BYTES} bytes")
    try:
        return policy_of(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise PolicyFormatError(f"{path} is not YAML") from error
    except PolicyFormatError as error:
        raise PolicyFormatError(f"{path}: {error}") from error
