"""A side door: gRPC, in a process of its own (`shop grpc`). An extra: pip install '.[grpc]'.

methods.py   what answers each call: moves by their declarations, and the few that are no moves
streams.py   what lasts: watching, batches, live prices
messages.py  between messages and the words of the shop
errors.py    what went wrong, as a status with details
calls.py     every method bound in one way: who asks, limits, deadline, log
server.py    the server around it: health, TLS, and an end that tells everybody where to go on
shop_pb2.py  made from proto/shop/v1/shop.proto by proto/generate.py
"""
