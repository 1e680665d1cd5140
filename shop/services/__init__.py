"""Use cases: one function each, with the context as first argument and one commit."""
