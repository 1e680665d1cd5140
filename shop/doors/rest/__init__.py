"""The front door: REST with hypermedia. One short file per resource; the rest is derived from them."""
