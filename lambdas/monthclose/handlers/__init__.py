"""One small module per Lambda: parse the event, call the use case, answer."""
