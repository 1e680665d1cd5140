"""The `shop` command with streams that last a second, and little patience with those who send nothing."""

from shop.cli import main
from shop.doors.grpc import adapter

adapter.STREAM_SECONDS = 1
adapter.OPENING = 0.5
main()
