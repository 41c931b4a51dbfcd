"""Where things lie in the checkout."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = CHECKOUT / "scripts"
DIALPLAN = CHECKOUT / "dialplan"
VENV = CHECKOUT / ".venv"
CACHE = CHECKOUT / ".cache"
LABS = CHECKOUT / ".lab"
