"""call-bridge with a fault at the worst place. Takes the command's arguments.

Whoever reads a number fails, with the number in the error's text and in a variable of the frame.
"""

from __future__ import annotations

from bridge.cli.main import main
from bridge.vault import HiddenNumber

_reveal = HiddenNumber.reveal


def _fail(number: HiddenNumber) -> str:
    text = _reveal(number)
    raise ArithmeticError(f"can't count with {text}")


if __name__ == "__main__":
    HiddenNumber.reveal = _fail  # type: ignore[method-assign]
    main()
