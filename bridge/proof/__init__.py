"""Proof that a number stays hidden: SIP peers that record every byte, a scanner, a call's story from both.

`sip` has the peers, a manager's phone and a carrier; `capture` is what passed their sockets; `scan` finds a
number in it, in whatever dress; `story` tells one call and gives the verdict, which asks neither Asterisk
nor the daemon what happened: it is computed from the datagrams alone.
"""
