"""payer_gateway: from a second-opinion consultation to an adjudicated claim."""

__version__ = "0.1.0"
