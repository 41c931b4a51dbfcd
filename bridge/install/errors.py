"""Why init can't go on. Each message says what to do, and quotes no secret."""

from __future__ import annotations


class InstallRefused(Exception):
    """This PBX, these answers, or files that somebody has changed since, can't be worked with."""


class CannotPlan(InstallRefused):
    """There is no plan for this PBX with these answers."""


class JournalRefused(InstallRefused):
    """Files are not as init left them."""


class NotShipped(InstallRefused):
    """The installation lacks files of its own."""
