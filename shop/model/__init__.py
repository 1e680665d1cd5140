"""What an entity with moves is, and what its input looks like. Knows no web and no table of the shop."""
