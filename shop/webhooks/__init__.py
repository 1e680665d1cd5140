"""Standard Webhooks: signatures, addresses that are safe to send to, one bounded POST, and retries."""
