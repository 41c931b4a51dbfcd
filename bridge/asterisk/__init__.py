"""Adaptors to the PBX: facts of Asterisk's become events, commands become requests.

`ari` is a client usable alone. `happenings` reads what Asterisk tells, `pbx` asks it for what a call needs,
`trunk` is the one place where a hidden number is read.
"""
