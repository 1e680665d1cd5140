"""The `shop` command with streams that last a second, and short timeouts for callers that send nothing."""

from shop.cli import main
from shop.doors.grpc import handlers

handlers.MAX_STREAM_SECONDS = 1
handlers.FIRST_MESSAGE_TIMEOUT = 0.5
main()
