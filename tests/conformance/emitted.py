"""What came out of the gateway, byte for byte."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from builders import CONSULTATIONS, ROOT

EVERY = [*CONSULTATIONS, *sorted((ROOT / "fixtures" / "synthea").glob("*.json"))]


@dataclass(frozen=True)
class Emitted:
    """Exact bytes, by a name that says where they come from."""

    sent: dict[str, bytes]  # every request body that went over the line
    shown: dict[str, bytes]  # what `submission show --request` prints of each submission
    rendered: dict[str, bytes]  # `mapping render` of every consultation, insurer and use
    replies: dict[str, bytes]  # every FHIR answer of the sandbox
    delivered: int  # exit code of the delivery
    submissions: list[dict[str, Any]]

    @property
    def bundles(self) -> dict[str, bytes]:
        return self.sent | self.rendered


def pretty(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)
