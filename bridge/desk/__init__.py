"""The web desk: a process of its own, without keys, that asks the daemon and renders pages."""
