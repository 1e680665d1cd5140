"""Entities with moves, input fields, money and errors; independent of the web and of the shop's tables."""
