"""Notes beside a decision in words. A note changes nothing: it says what else is to be known."""

from __future__ import annotations

from collections.abc import Mapping

# By what a note's code begins with; the rest of the code is put where {} stands.
SENTENCES: Mapping[str, str] = {
    "ASSUMED_DEDUCTIBLE_UNMET": (
        "How much of the deductible is met is not known; the estimate takes it as not met at all."
    ),
    "DEPENDENT_COVERAGE_ENDS_": "Cover as a dependent ends on {}.",
    "LANGUAGE_NOT_SUPPORTED_": "The plan does not offer opinions in the patient's language ({}).",
    "RESCISSION_REVIEW": (
        "Cover was ended for days gone by: whether that may be done is to be looked into."
    ),
    "ROSTER_DIFFERS_": "The roster says otherwise than the consultation: {}.",
}


def in_words(note: str) -> str:
    """A note as a sentence; one that there is no sentence for as it is."""
    for begins, sentence in SENTENCES.items():
        if note.startswith(begins):
            return sentence.format(note.removeprefix(begins))
    return note
