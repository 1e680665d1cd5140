"""The gRPC API, in a separate process (`shop grpc`). An extra: pip install '.[grpc]'.

server.py             the server: health, reflection, TLS, shutdown
calls.py              what every call needs: caller, limits, deadline, errors, log
open_calls.py         limits how many calls a caller has open
methods.py            unary methods: one for each move, and get, list, login, refresh, logout
streams.py            streaming methods: watch products or orders, create in a batch, live prices
standard_services.py  the standard services for health and reflection
messages.py           converts between protobuf messages and the shop
errors.py             errors as gRPC statuses with details
shop_pb2.py           generated from proto/shop/v1/shop.proto by proto/generate.py
"""
