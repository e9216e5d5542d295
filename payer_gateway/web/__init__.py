"""The HTTP surfaces: who calls, what was sent, which workflow step does it, how it is answered."""
