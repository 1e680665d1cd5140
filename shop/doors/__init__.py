"""The ways in. A door translates; it never decides."""
