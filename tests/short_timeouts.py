"""The `shop` command with deadlines of a second, for tests that wait for them to pass."""

from shop.cli import main
from shop.serving import server

server.ACTIVITY_DEADLINES.update(idle=1.5, receiving=1.5, sending=1.5)
server.QUEUE_TIMEOUT = 0.5
main()
