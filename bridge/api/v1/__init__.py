"""The API for integrators, over TCP with tokens: docs/api.md. Numbers go in, and none come out."""
