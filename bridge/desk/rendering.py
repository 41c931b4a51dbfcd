"""From templates to pages: one environment of Jinja2 for each language, that escapes whatever it is given."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bridge.desk import keys, on_record, words
from bridge.desk.assets import Assets
from bridge.desk.csrf import FIELD, HEADER
from bridge.desk.language import LOCALES, NAMES, catalogue
from bridge.desk.times import duration

TEMPLATES: Final = Path(__file__).parent / "templates"


class Renderer:
    """Renders templates of the folder `templates` in a language of LOCALES."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        for language in LOCALES:
            _environment(language)  # a faulty catalogue is told at the start

    def render(self, template: str, language: str, values: dict[str, Any]) -> str:
        for_all = {
            "asset": self._assets.url,
            "country": _names(language, "territories"),
            "spoken": _names(language, "languages"),
        }
        return _environment(language).get_template(template).render(for_all | values)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # the extension adds it
        catalogue(language), newstyle=True
    )
    environment.globals |= {
        # Itself, and not the extension's alias, which looks it up at each of a page's hundreds of texts.
        "_": environment.globals["gettext"],
        "csrf_field": FIELD,
        "csrf_header": HEADER,
        "keys": keys.HELP,
        "languages": NAMES,
        "acts": on_record.ACTS,
        "words": words,
    }
    environment.filters["duration"] = duration
    environment.filters["said"] = partial(on_record.said, translate=catalogue(language).gettext)
    return environment


class _Names(dict[str, str]):
    """Names by ISO codes; a code without a name is its own."""

    def __missing__(self, code: str) -> str:
        return code


@cache
def _names(language: str, kind: str) -> _Names:
    """What a language calls the `territories` or `languages` of the world (Unicode CLDR)."""
    return _Names(getattr(LOCALES[language], kind))
