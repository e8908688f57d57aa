"""AWS's documented limits, each with its source, put into MiniStack: a local AWS as strict as the real one."""
