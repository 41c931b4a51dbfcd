"""Hundreds of live calls, what is done to call-bridge meanwhile, and what becomes of them: scripts/crowd.

`sound` is both ends of every conversation's RTP, `shop` the lab and its phones, `link` the way between the
daemon and Asterisk, `ordeals` what is done, `verdict` what was promised, `command` the command line.
"""
