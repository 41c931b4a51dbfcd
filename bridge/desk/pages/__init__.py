"""The pages, a module for what belongs together. Each has a `router`, and asks the daemon."""
