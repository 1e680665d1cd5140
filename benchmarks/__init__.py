"""What the shop costs beside what it cannot do without. Each module prints its own figures."""
