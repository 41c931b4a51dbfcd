"""QR codes as the desk draws them."""

from __future__ import annotations

import io

import segno


def qr_code(text: str) -> str:
    """An SVG image of the text, with classes for colours and no style of its own."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=True,
        lineclass="qr-dark",
        svgclass="qr",
        omitsize=True,
        border=4,
    )
    return drawn.getvalue().decode()
