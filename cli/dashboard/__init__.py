"""The dashboard: closes, customers and their money as pages in a browser, served to this machine only."""
