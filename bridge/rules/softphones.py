"""The programs on managers' computers and telephones that are set up from the desk."""

from __future__ import annotations

from enum import StrEnum


class PhoneApp(StrEnum):
    LINPHONE = "linphone"
    ZOIPER = "zoiper"
    BY_HAND = "by-hand"
    """Any other: its user types in what they are shown."""
