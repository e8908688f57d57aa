"""Month close: bill every customer of a usage-based company on the first of the month."""
