"""The HTTP server over the providers, and the sandbox's own routes."""
