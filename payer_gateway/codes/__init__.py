"""Public code sets and check digits; imports nothing but the standard library."""

from payer_gateway.codes.checkdigits import (
    jp_insurer_number_is_valid,
    luhn_is_valid,
    npi_is_valid,
)
from payer_gateway.codes.hcpcs import (
    HCPCS_MODIFIERS,
    PLACES_OF_SERVICE,
    TELEHEALTH_PLACES,
    modifier_has_shape,
    place_of_service_is_known,
)
from payer_gateway.codes.service_types import SERVICE_TYPE, SERVICE_TYPES
from payer_gateway.codes.sets import (
    ICD_10_CM,
    ICD_10_PCS,
    ICD_10_WHO,
    Diagnosis,
    PublicCodeSets,
    load_code_sets,
)

__all__ = [
    "HCPCS_MODIFIERS",
    "ICD_10_CM",
    "ICD_10_PCS",
    "ICD_10_WHO",
    "PLACES_OF_SERVICE",
    "SERVICE_TYPE",
    "SERVICE_TYPES",
    "TELEHEALTH_PLACES",
    "Diagnosis",
    "PublicCodeSets",
    "jp_insurer_number_is_valid",
    "load_code_sets",
    "luhn_is_valid",
    "modifier_has_shape",
    "npi_is_valid",
    "place_of_service_is_known",
]
