"""How a month's events become quantities: meters, in constant memory wherever the aggregation allows it."""
