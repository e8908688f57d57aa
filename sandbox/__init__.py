"""The fake payment providers, one separate HTTP server for local runs and tests, and the data generator.

Every provider is a pure in-process object (:class:`sandbox.wire.Provider`); the HTTP server is a thin layer over it.
"""
