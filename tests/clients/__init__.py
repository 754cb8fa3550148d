"""Clients for the engine tests: real libraries where one exists, sockets where the test is about bytes and time.

==============  =====================================================================================================
``tls``         a throw-away CA, the server's certificate, contexts for both sides
``http``        raw HTTP/1.0, 1.1 and 2, clear and TLS: pieces of a body with the time each one came, and how it ended
``sse``         event streams over ``http``, and an EventSource that reconnects
``ndjson``      JSON lines over ``http``
``websocket``   the ``websockets`` library
``grpc_calls``  ``grpcio`` with bytes for messages, all four kinds
``grpc_web``    gRPC-Web, binary and text, over ``http``
``connect``     the Connect protocol, unary and server streaming, over ``http``
``polling``     poll and long poll over ``http``
``chat``        the ``openai`` SDK
==============  =====================================================================================================

Every wait has a time limit and raises ``TimeoutError``; times are ``time.monotonic()``, as the origin's are.
"""
