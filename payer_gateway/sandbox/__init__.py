"""A sandbox insurer: its own process, its own ledger, and nothing of the rooms around it.

What stands in its ledger decides whether the gateway lost a claim or sent one twice.
"""

from payer_gateway.sandbox.listen import serve
from payer_gateway.sandbox.server import create_app

__all__ = ["create_app", "serve"]
