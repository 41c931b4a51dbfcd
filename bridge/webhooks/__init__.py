"""Webhooks: programs are told what came of calls, at addresses of theirs. docs/integrations.md."""
