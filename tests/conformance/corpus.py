"""All that the gateway emits, by the standard it is written in."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emitted import Emitted

sys.path.append(str(Path(__file__).parents[1] / "mapping"))

from mapping_cases import INSURERS, a_claim, goldens_of, shipped
from pas_conversation import SPOKEN_BY, conversation

from payer_gateway.domain.claim import Use
from payer_gateway.mapping.bundle import build

PAS = b"us/davinci-pas/"


def corpus(standard: str, emitted: Emitted) -> dict[str, bytes]:
    """Every document in this standard: sent, rendered, of a golden case, heard from the sandbox."""
    said = emitted.bundles | emitted.replies | own_goldens()
    if standard == "r4":
        return {name: body for name, body in said.items() if PAS not in body}
    insurer = SPOKEN_BY[standard]
    files = {name: body for name, body in said.items() if PAS in body and f"-{insurer}-" in name}
    return files | every_golden_asks_leave(insurer) | conversation(insurer)


def own_goldens() -> dict[str, bytes]:
    """The Bundles that stand in the repository beside their consultations."""
    return {
        f"golden-{insurer}-{case.folder.name}-{use}": body
        for insurer in INSURERS
        for case in goldens_of(insurer).cases
        for use, body in case.bundles.items()
    }


def every_golden_asks_leave(insurer: str) -> dict[str, bytes]:
    """The golden consultations of all insurers, as this one would be asked for leave."""
    profile = shipped(insurer)
    asked = {}
    for place in INSURERS:
        for n, case in enumerate(goldens_of(place).cases):
            claim = a_claim(Use.PREAUTHORIZATION, id=f"{n:08}-0000-4000-8000-{0:012}")
            built = build(profile, case.consultation, case.coverage, claim, case.decision)
            asked[f"golden-asks-{insurer}-{place}-{case.folder.name}"] = built.body
    return asked


def broken(good: bytes) -> Mapping[str, bytes]:
    """One Bundle spoilt in a few ways: the validator must bite."""

    def spoilt(spoil: Callable[[dict[str, Any]], object]) -> bytes:
        bundle = json.loads(good)
        spoil(bundle["entry"][0]["resource"])
        return json.dumps(bundle, ensure_ascii=False).encode()

    nowhere = "urn:uuid:00000000-0000-4000-8000-000000000000"
    return {
        "broken-use": spoilt(lambda claim: claim.update(use="wish")),
        "broken-provider": spoilt(lambda claim: claim.pop("provider")),
        "broken-reference": spoilt(lambda claim: claim["provider"].update(reference=nowhere)),
        "broken-element": spoilt(lambda claim: claim.update(insurerName="Acme")),
        "broken-product": spoilt(lambda claim: claim["item"][0].pop("productOrService")),
    }
