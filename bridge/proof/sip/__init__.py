"""Scriptable SIP and RTP peers: a manager's `Phone` and the other side of the trunk, a `Carrier`."""
