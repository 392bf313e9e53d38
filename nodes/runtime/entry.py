"""How a role's program begins: ``python -m nodes.<role> CONFIG``. What keeps it from starting is one line, not a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from sqlalchemy.exc import OperationalError

from crypto.errors import CryptoError
from nodes.errors import FatalError, InstanceLeadsError, NodeError
from protos.errors import refusal_of
from scoring.errors import LogInconsistentError, ScoringError

EXIT_BAD_INPUT = 2
EXIT_FATAL = 70
EXIT_AGAIN = 75  # EX_TEMPFAIL: nothing is wrong here, start it again


def run_program(main: Callable[[Path], int]) -> NoReturn:
    """Run ``main`` with the configuration named on the command line and exit with its code.

    2: usage, or a configuration, key or public file that does not fit; 70: state that must not be gone on with; 75: to be started again, its
    database could not be reached, or another instance has taken over, or leads with an older program.
    """
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} CONFIG.toml", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    try:
        sys.exit(main(Path(sys.argv[1])))
    except (NodeError, ScoringError, CryptoError) as error:
        print(f"{sys.argv[1]}: {error} [{refusal_of(error).reason}]", file=sys.stderr)
        if isinstance(error, InstanceLeadsError):
            sys.exit(EXIT_AGAIN)
        sys.exit(EXIT_FATAL if isinstance(error, FatalError | LogInconsistentError) else EXIT_BAD_INPUT)
    except OperationalError as error:
        trouble = str(error.orig).splitlines()[0]
        print(f"{sys.argv[1]}: the database cannot be reached: {trouble} [STORAGE_UNAVAILABLE]", file=sys.stderr)
        sys.exit(EXIT_AGAIN)
