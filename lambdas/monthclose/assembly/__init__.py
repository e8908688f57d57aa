"""The one place that puts the use cases together: `use_cases` from the `ports`, each when it is first asked for."""
