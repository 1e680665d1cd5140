"""Webhooks: the door through which the shop speaks first."""
