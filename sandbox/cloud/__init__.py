"""A made-up cloud provider, and its customers' month as files."""
