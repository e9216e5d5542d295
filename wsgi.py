"""The entry point for any WSGI server: ``gunicorn --threads 8 wsgi:application``.

Unlike the modules of the package this one works when it is imported: that is what it is for. It
answers HTTP only; run ``payer-gateway deliver`` beside it.
"""

from __future__ import annotations

import gc
import os

from payer_gateway.app import create_app
from payer_gateway.settings import Settings

application = create_app(Settings.from_env(os.environ))

# What is loaded by now stays: looking through it again for garbage would only hold requests up.
gc.collect()
gc.freeze()
# A request makes some thousand objects and no cycles to speak of; looking after each 700 of them
# takes some 8 % of an eligibility answer.
gc.set_threshold(20_000, 10, 10)
