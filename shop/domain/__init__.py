"""What is true in a shop. Knows no URL, no status code, no request, nobody logged in."""
