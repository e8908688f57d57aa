"""The price book's entries, and which of them hold for a customer."""
