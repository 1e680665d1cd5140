"""Benchmarks of the shop. Each module prints its own figures."""
