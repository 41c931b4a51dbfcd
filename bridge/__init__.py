"""call-bridge: masked calls on the shop's own Asterisk."""

__version__ = "0.1.0"
