"""What Asterisk's log says of the files it was given."""

from __future__ import annotations

# pjproject says this of Asterisk's own modules on a busy machine, where its threads were at work before the
# last of them was loaded. No file of ours has a part in it.
LOADED_LATE = "registered during operation. Enable PJSIP_SAFE_MODULE to prevent race condition."


def said_of_files(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if not line.endswith(LOADED_LATE))
