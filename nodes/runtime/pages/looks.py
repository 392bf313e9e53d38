"""How pages look: templates, catalogues and files of every part of a site, by the part's name [W5, W8].

A part is a folder with ``templates/``, ``en.po`` and perhaps ``static/``. Its templates are ``<part>/<name>.html.j2``; those of this package,
which the others extend and import, have no prefix. Its files are served as ``/static/<part>/<file>``.
"""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from crypto.encoding import sha256
from nodes.runtime.pages import language
from nodes.runtime.pages.language import CHINESE, ENGLISH, Catalogues, Language

HERE: Final = Path(__file__).parent
OWN: Final = "pages"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file that browsers keep: its address changes with its bytes."""

    content: bytes
    media_type: str
    version: str


class Looks:
    """Every part's templates in both languages. ``common``: what all templates may use."""

    def __init__(self, **common: Any) -> None:
        self.catalogues = Catalogues()
        self.files: dict[str, StaticFile] = {}
        self._common = common
        self._environments: dict[tuple[str, Language], Environment] = {}
        self.add(OWN, HERE)

    def add(self, part: str, folder: Path) -> None:
        """Take in a part."""
        self.catalogues.add(part, folder / "en.po")
        for path in sorted((folder / "static").glob("*")):
            content = path.read_bytes()
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            self.files[f"{part}/{path.name}"] = StaticFile(content, media_type, sha256(content).hex()[:12])
        for tongue in (CHINESE, ENGLISH):
            self._environments[part, tongue] = self._environment(part, folder, tongue)

    def render(self, tongue: Language, template: str, values: dict[str, Any]) -> str:
        """The page ``template`` in a language."""
        part = template.partition("/")[0] if "/" in template else OWN
        return self._environments[part, tongue].get_template(template).render(**values)

    def _environment(self, part: str, folder: Path, tongue: Language) -> Environment:
        loader = ChoiceLoader([FileSystemLoader(HERE / "templates"), PrefixLoader({part: FileSystemLoader(folder / "templates")})])
        made = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )  # fmt: skip
        single: Callable[[str], str] = partial(self.catalogues.text, part, tongue)
        many: Callable[[str, str, int], str] = partial(self.catalogues.texts, part, tongue)
        made.install_gettext_callables(single, many, newstyle=True)  # type: ignore[attr-defined] # added by the extension
        made.globals |= {"tongue": tongue, "asset": self._asset, "fresh_mark": partial(secrets.token_urlsafe, 12), **self._common}
        shown = {name: getattr(language, name) for name in ("when", "day", "number", "points", "yuan")}
        made.filters |= {**shown, "own": partial(language.own, language=tongue), "together": partial(language.joined, language=tongue)}
        return made

    def _asset(self, name: str) -> str:
        return f"/static/{name}?v={self.files[name].version}"
