"""The only code that opens a socket: one vetted HTTP client, and one file per protocol."""
