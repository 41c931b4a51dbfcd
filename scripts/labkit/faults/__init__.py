"""Faults on purpose, between the daemon and a real Asterisk, and what must hold all the same.

`proxy` sits on the way and does to each request, answer and event what it is told; `wire` is as much of HTTP
and WebSocket as it needs, `passing` knows whose call it is, `kinds` what can be done. `shop` is a lab of many
managers behind such a proxy, `trial` one call with its fault and its promises, `chaos` thousands of them.
"""
