"""The schema's history, one readable step a file."""
