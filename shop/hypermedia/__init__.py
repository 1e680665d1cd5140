"""Entities and moves over HTTP: routes, links, forms, problems and documents. Knows no use case."""
