"""FastAGI: dialplans of the shop's own ask the daemon, and are told in channel variables; never a number.

`wire` speaks the protocol, `server` holds connections in bounds, `commands` knows what may be asked. What
each command does and sets is in docs/agi.md.
"""
