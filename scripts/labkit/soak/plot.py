"""A soak as a picture: one small chart below the other, in SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from labkit.soak.samples import Sample
from labkit.soak.verdict import COMPARED, MEASURES, Measure

_WIDTH, _HEIGHT = 720, 90
_LEFT, _TOP, _BETWEEN = 20, 30, 44
_DATABASE = Measure("database", "the database, which grows with every call", "MB", 0, scale=1_000_000)
_CHARTS = (*MEASURES, *COMPARED, _DATABASE)


def svg(samples: Sequence[Sample]) -> str:
    """Each chart begins at nought, so that what looks flat is."""
    height = _TOP + len(_CHARTS) * (_HEIGHT + _BETWEEN)
    charts = "\n".join(
        _chart(measure, samples, top=_TOP + index * (_HEIGHT + _BETWEEN))
        for index, measure in enumerate(_CHARTS)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 2 * _LEFT}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        f"{charts}\n</svg>\n"
    )


def _chart(measure: Measure, samples: Sequence[Sample], *, top: int) -> str:
    values = [getattr(sample, measure.name) / measure.scale for sample in samples]
    greatest, end = max(*values, 1e-9), samples[-1].at
    points = " ".join(
        f"{_LEFT + _WIDTH * sample.at / end:.1f},{top + _HEIGHT * (1 - value / greatest):.1f}"
        for sample, value in zip(samples, values, strict=True)
    )
    title = f"{measure.title}: 0 to {max(values):.1f} {measure.unit}, {end / 60:.1f} minutes"
    return (
        f'<text x="{_LEFT}" y="{top - 6}">{escape(title)}</text>\n'
        f'<path d="M{_LEFT} {top}v{_HEIGHT}h{_WIDTH}" fill="none" stroke="#999"/>\n'
        f'<polyline points="{points}" fill="none" stroke="#06c"/>'
    )
