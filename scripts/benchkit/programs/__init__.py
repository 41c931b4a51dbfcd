"""The programs that some contenders need beside Asterisk, written as an integrator would write them.

Each is run as `python -m benchkit.programs.NAME SETTINGS.json`.
"""
