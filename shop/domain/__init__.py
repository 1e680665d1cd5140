"""The entities of the shop and their rules; independent of URLs, requests and logins."""
