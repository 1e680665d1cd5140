"""The contestants: each is written as the docs of its framework teach, and imports nothing of the shop."""
