"""How every command answers: one JSON document or readable text, progress elsewhere, an exit code with one meaning, no traceback."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from connectors.errors import ConnectorError, SourceUnavailableError
from connectors.outside import shapeless, shown
from crypto.errors import CryptoError
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError, RpcRefusal, SettingsError
from nodes.runtime import logging
from nodes.runtime.logging import where
from protos.errors import refusal_of
from scoring.errors import ScoringError
from scoring.wording import worded

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # which typer does not offer by name
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else there.")]


def of_form(form: Any) -> Callable[[str | None], str | None]:
    """Callback of an option or argument whose value has to fit ``form``, an annotated string type; not given is well."""
    adapter: TypeAdapter[str] = TypeAdapter(form)

    def check(value: str | None) -> str | None:
        try:
            return None if value is None else adapter.validate_python(value)
        except ValidationError as error:
            found = error.errors()[0]
            raise typer.BadParameter(f"{value!r}: {worded(found['type'], found.get('ctx', {}), found['msg'])}") from error

    return check


class ExitCode(IntEnum):
    """What a command's end means."""

    DONE = 0
    NOT_HOLDING = 1
    BAD_INPUT = 2
    REFUSED = 3
    UNAVAILABLE = 4
    INTERNAL = 70


@dataclass
class Report:
    """A command's answer in the making. ``progress`` goes to standard error at once; ``result`` is printed when the command ends."""

    as_json: bool
    _document: Mapping[str, Any] = field(default_factory=dict)
    _text: str = ""
    _code: ExitCode = ExitCode.DONE

    def progress(self, text: str) -> None:
        """Tell a person what is going on."""
        typer.echo(text, err=True)

    def result(self, document: Mapping[str, Any], text: str, code: ExitCode = ExitCode.DONE) -> None:
        """Set the answer: as the JSON document, and as text for a person."""
        self._document, self._text, self._code = document, text, code

    def finish(self) -> ExitCode:
        """Print the answer. What others wrote in it stands there and does nothing to the terminal."""
        typer.echo(_json(self._document) if self.as_json else _lines(self._text))
        return self._code


@contextmanager
def reporting(as_json: bool) -> Iterator[Report]:
    """Run a command's body; prints its result, or what went wrong, and exits with the code that says which.

    A refusal by a member is 3, nobody there or too late is 4, a bad input file or configuration 2, anything unforeseen 70.
    """
    report = Report(as_json)
    try:
        yield report
    except typer.Exit:
        raise
    except typer.Abort as error:  # a question that nobody answered
        raise typer.Exit(_explain(SettingsError("nothing was entered: give it as an option or at the prompt"), as_json)) from error
    except Exception as error:  # the last line before a person: every error becomes a sentence and a code
        raise typer.Exit(_explain(error, as_json)) from error
    raise typer.Exit(report.finish())


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run a command line to its end; the exit code. What the parser refuses is answered as every other error: a sentence, and one
    document where ``--json`` asks for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what no encoding does; JSON reads the escape
    logging.configure("command", "warning")  # of what runs within a command: on standard error, never in its answer
    command = typer.main.get_command(app)
    try:
        code: int | None = command.main(list(arguments), prog_name="xinqiao", standalone_mode=False)
    except _UsageError as error:
        error.show()  # type: ignore[attr-defined]  # the parser's base class, which typer does not name
        detail = error.format_message()  # type: ignore[attr-defined]  # the same
        if "--json" in arguments:
            typer.echo(_json({"error": "USAGE", "detail": detail}))
        return ExitCode.BAD_INPUT
    except OSError as error:  # the answer itself could not be written
        print(f"xinqiao: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered has nowhere to go
        return ExitCode.INTERNAL
    return code or ExitCode.DONE


def _explain(error: Exception, as_json: bool) -> ExitCode:
    code, reason, detail = _judge(error)
    if as_json:
        typer.echo(_json({"error": reason, "detail": detail}))
    typer.echo(_lines(f"xinqiao: {detail} [{reason}]"), err=True)
    if code is ExitCode.INTERNAL:
        for place in where(error):
            print(f"  at {place}", file=sys.stderr)
    return code


def _json(document: Mapping[str, Any]) -> str:
    """One line of JSON whose signs without a shape are JSON's own escapes."""
    text = json.dumps(document, ensure_ascii=False)
    return text if text.isprintable() else "".join(json.dumps(sign)[1:-1] if shapeless(sign) else sign for sign in text)


def _lines(text: str) -> str:
    """``text`` line by line as ``shown``; tabs stay."""
    return "\n".join("\t".join(map(shown, line.split("\t"))) for line in text.split("\n"))


def _judge(error: Exception) -> tuple[ExitCode, str, str]:
    for kinds, answer in _ANSWERS:
        if isinstance(error, kinds):
            return answer(error)
    return ExitCode.INTERNAL, "INTERNAL", f"internal error: {type(error).__name__}"


def _refused(error: Any) -> tuple[ExitCode, str, str]:
    later = error.status in {"503", "UNAVAILABLE"}  # there, but not able to serve now
    return ExitCode.UNAVAILABLE if later else ExitCode.REFUSED, error.reason, error.detail


def _unavailable(error: Exception) -> tuple[ExitCode, str, str]:
    return ExitCode.UNAVAILABLE, refusal_of(error).reason, str(error)


def _bad_input(error: Exception) -> tuple[ExitCode, str, str]:
    return ExitCode.BAD_INPUT, refusal_of(error).reason, str(error)


def _bad_file(error: Exception) -> tuple[ExitCode, str, str]:
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        return ExitCode.BAD_INPUT, "INPUT_INVALID", f"{error.filename}: {error.strerror}"
    return ExitCode.BAD_INPUT, "INPUT_INVALID", str(error)


_ANSWERS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Exception], tuple[ExitCode, str, str]]], ...] = (
    (RpcRefusal, _refused),
    ((PeerUnavailableError, NotReadyError, SourceUnavailableError), _unavailable),
    ((NodeError, ScoringError, CryptoError, ConnectorError), _bad_input),
    ((OSError, UnicodeDecodeError, ValidationError), _bad_file),
)
