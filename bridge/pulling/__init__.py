"""Pulling: shops are asked for their orders, where they can't send them. docs/integrations.md."""
