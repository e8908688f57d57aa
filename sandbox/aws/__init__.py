"""The local AWS: MiniStack with its workarounds, and the processes it runs in."""
