"""X12 service type codes that we send: the numbers, in our own words.

X12 claims copyright in its descriptions, so they are not here, nor are codes that we do not use.
"""

from __future__ import annotations

# Source of the URI: HL7 Terminology (THO), as of August 2026.
SERVICE_TYPE = "https://x12.org/codes/service-type-codes"

SERVICE_TYPES: dict[str, str] = {
    "3": "another clinician is asked for advice",
    "20": "an operation is proposed and a second clinician judges it",
    "21": "two have judged a proposed operation and a third clinician does",
    "30": "the plan as a whole, no service in particular",
}
