"""What the scripts beside it and the tests stand on: an environment, an Asterisk, a lab.

Nothing here is part of call-bridge itself, and call-bridge imports none of it.
"""
