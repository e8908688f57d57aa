"""One small module per Lambda: parse the event, call the stage, answer."""
