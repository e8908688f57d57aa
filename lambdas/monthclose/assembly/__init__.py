"""The one place that assembles the use cases from the ports, each when it is first needed."""
