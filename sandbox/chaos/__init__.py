"""What disturbs the providers: faults, outages, rate limits and latency, and the plans that set them."""
