"""The floor that an endpoint is measured against: Flask reads a body and answers nothing."""

from __future__ import annotations

from flask import Flask, Response, request

application = Flask(__name__)


@application.post("/empty")
def empty() -> Response:
    request.get_data()
    return Response(b"{}", mimetype="application/json")
