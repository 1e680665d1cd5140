"""What a caller may do: one function per use case, the context first, one commit."""
