"""The demo's story of some months: who is in it, what they do, and the table at its end."""
