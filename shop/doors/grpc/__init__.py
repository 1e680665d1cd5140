"""The gRPC API, in a separate process (`shop grpc`). An extra: pip install '.[grpc]'.

server.py             the server: health, reflection, TLS, shutdown
handlers.py           reads the messages of a call, runs its method, finishes it with status and log
calls.py              a call, and how its work is run: caller, limits, deadline, errors
open_calls.py         limits how many calls a caller has open
methods.py            unary methods: one for each move, and get, list, login, refresh, logout
streams.py            streaming methods: watch products or orders, create in a batch, live prices
standard_services.py  the standard services for health and reflection
messages.py           converts between protobuf messages and the shop
errors.py             errors as gRPC statuses with details
shop_pb2.py           generated from proto/shop/v1/shop.proto by proto/generate.py
"""
