"""What makes the local AWS as strict as the real one: its documented limits, each with its source."""
