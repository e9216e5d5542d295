"""Why a plan pays or does not: a reason with its fields, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from payer_gateway.domain.reason_codes import Code, Meaning, Verdict
from payer_gateway.domain.reason_table import MEANINGS

__all__ = ["MEANINGS", "Code", "Meaning", "Reason", "Verdict"]


# Fields that hold names out of plan files, which are spoken without their underscores.
_NAMES = frozenset({"benefit", "benefits", "group", "mode", "modes"})


class _Fields(dict[str, str]):
    """What a reason's fields say in a sentence; an earlier version may have stored fewer."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__({k: v.replace("_", " ") if k in _NAMES else v for k, v in fields.items()})

    def __missing__(self, key: str) -> str:
        return "(not said)"


@dataclass(frozen=True, slots=True)
class Reason:
    code: Code
    rule: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def meaning(self) -> Meaning:
        return MEANINGS[self.code]

    @property
    def verdict(self) -> Verdict:
        return self.meaning.verdict

    @property
    def sentence(self) -> str:
        """One plain sentence for a benefits manager, without the name of anybody."""
        return self.meaning.sentence.format_map(_Fields(self.fields))

    @property
    def patient_sentence(self) -> str:
        """The same for the patient: no codes, and what to do where something can be done."""
        return self.meaning.patient.format_map(_Fields(self.fields))
