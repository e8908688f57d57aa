"""What discounts, maximums and minimums do to the priced lines."""
