"""``python -m tests.fuzz [NAME…] [--seconds S]``: atheris on the readers of the table, one process and S seconds for each (all, 5 s).

A crash ends the run with exit code 1; the input that led to it is in the directory that the last lines name, and belongs into the tests.
What libFuzzer learns stays in .fuzz/NAME and is where the next run begins.
"""

from __future__ import annotations

import argparse
import re
import secrets
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(  # pyright: ignore[reportAttributeAccessIssue]  # atheris has no stubs
    include=["connectors", "crypto", "scoring", "nodes", "protos", "gateway"], enable_loader_override=False
):
    from crypto.keygen import generate_private_key
    from tests.fuzz.judge import Parser, judge
    from tests.fuzz.parsers import NAMES, all_parsers

CORPUS = Path(".fuzz")
LONGEST = 1 << 16
SMALL_BITS = 512


def main() -> int:
    """Run what the arguments say; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--here", action="store_true", help="in this process, for exactly one NAME")
    options = parser.parse_args()
    if options.here:
        fuzz(options.names[0], options.seconds)
    failed = [name for name in options.names or NAMES if run(name, options.seconds)]
    print(f"{len(options.names or NAMES)} readers, {options.seconds} s each; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def run(name: str, seconds: int) -> int:
    """One reader in a process of its own: libFuzzer ends the process that it runs in. Returns its exit code."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--here", "--seconds", str(seconds)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    tried = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
    print(f"{name:32} {tried[1] if tried else '-':>8} inputs  {'failed' if ended.returncode else 'ok'}", flush=True)
    if ended.returncode:
        print("\n".join(line[:300] for line in ended.stdout.splitlines()[-30:] + ended.stderr.splitlines()[-30:]))
    return ended.returncode


def fuzz(name: str, seconds: int) -> None:
    """Never returns."""
    warnings.simplefilter("ignore")
    reader = all_parsers(generate_private_key(SMALL_BITS, secrets.randbits), Path(tempfile.mkdtemp(prefix="xinqiao-fuzz-")))[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = Path(tempfile.mkdtemp(prefix="xinqiao-seeds-"))
    for number, seed in enumerate(reader.seeds):
        (seeds / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=20", f"-max_len={LONGEST}", "-verbosity=0", "-print_final_stats=1", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus}/crash-", str(corpus), str(seeds)], lambda data: void(reader, data))
    atheris.Fuzz()


def void(reader: Parser, data: bytes) -> None:
    """libFuzzer takes a function without a value."""
    judge(reader, data)


if __name__ == "__main__":
    sys.exit(main())
