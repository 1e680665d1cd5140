"""The migrations of the database, one in each file."""
