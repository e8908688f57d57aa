"""The dashboard's copy of the register: a DuckDB file beside the command's other files, and the lists made of it."""
