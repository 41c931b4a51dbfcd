"""Reading the machine's own apt sources, to learn its Debian mirror. Pure: texts in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# [option=value ...] of a one-line source, under the names that deb822 gives them (sources.list(5)).
OPTION_FIELDS = {"signed-by": "Signed-By", "trusted": "Trusted", "arch": "Architectures"}
ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<components>.*)"
)


@dataclass(frozen=True)
class AptSource:
    """One archive of binary packages: where, which suites, and the fields that say how far it is trusted."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    trust: Mapping[str, str] = field(default_factory=dict)

    def stanza(self, suite: str) -> str:
        """The same archive with another suite, as a deb822 stanza (sources.list(5))."""
        fields = {"Types": "deb", "URIs": " ".join(self.uris), "Suites": suite}
        fields |= {"Components": " ".join(self.components), **self.trust}
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def parse_deb822(text: str) -> Iterator[AptSource]:
    """The enabled binary archives of a .sources file."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in re.split(r"\n\s*\n", uncommented):
        fields = _fields(paragraph)
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").strip() != "no":
            yield AptSource(
                uris=tuple(fields.get("uris", "").split()),
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                trust={
                    name: fields[name.lower()] for name in OPTION_FIELDS.values() if name.lower() in fields
                },
            )


def _fields(paragraph: str) -> dict[str, str]:
    """Names in lower case; a continued value (an embedded key, say) keeps its line breaks and indentation."""
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line[:1].isspace() and name:
            fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def parse_one_line(text: str) -> Iterator[AptSource]:
    """The binary archives of a .list file."""
    for line in text.splitlines():
        found = ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if found:
            options = dict(option.partition("=")[::2] for option in (found["options"] or "").split())
            yield AptSource(
                uris=(found["uri"],),
                suites=(found["suite"],),
                components=tuple(found["components"].split()),
                trust={
                    OPTION_FIELDS[name]: value for name, value in options.items() if name in OPTION_FIELDS
                },
            )


def main_archive(sources: Iterable[AptSource], codename: str) -> AptSource | None:
    """The distribution's own archive among `sources`.

    Other people's archives may use the release's name as their suite as well; only the distribution's own is
    accompanied by NAME-updates from the same place, so that one is preferred.
    """
    known = list(sources)
    candidates = [source for source in known if codename in source.suites and "main" in source.components]
    with_updates = {source.uris for source in known if f"{codename}-updates" in source.suites}
    candidates.sort(key=lambda source: source.uris not in with_updates)
    return candidates[0] if candidates else None
