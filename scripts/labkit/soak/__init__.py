"""Many short calls for a long time, and whether anything grows that should not: scripts/soak.

`samples` is what is measured every few seconds, `verdict` what it comes to, `plot` its picture, `command` the
command line.
"""
