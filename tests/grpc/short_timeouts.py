"""The `shop` command with streams that last a second, and little patience with those who send nothing."""

from shop.cli import main
from shop.doors.grpc import handlers

handlers.MAX_STREAM_SECONDS = 1
handlers.FIRST_MESSAGE_TIMEOUT = 0.5
main()
