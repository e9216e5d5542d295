"""What an insurer brings by itself, read: any JSON gives answers or faults with their cure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.notices import read_notices


def response(outcome: str = "complete", **more: Any) -> dict[str, Any]:
    request = {"identifier": {"system": "a", "value": "b"}}
    return {"resourceType": "ClaimResponse", "outcome": outcome, "request": request} | more


BROKEN: list[tuple[Any, str]] = [
    ([], "resourceType"),
    ({"resourceType": "Claim"}, "resourceType"),
    ({"resourceType": "Bundle"}, "Bundle.entry"),
    ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Task"}}]}, "Bundle.entry"),
    (response(request={}), "ClaimResponse.request"),
    (response("done"), "ClaimResponse.outcome"),
    ({"resourceType": "Bundle", "entry": [{"resource": response("")}]}, "entry[0]"),
]


@pytest.mark.parametrize(("document", "place"), BROKEN)
def test_what_is_no_answer_is_refused_with_its_place(document: Any, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_notices(document)

    assert place in refused.value.faults[0].path
    assert refused.value.faults[0].cure


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.sampled_from(["ClaimResponse", "Bundle", "Parameters", "Claim", "complete"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                "resourceType entry resource fullUrl outcome request identifier reference system"
                " value parameter name valueCode status".split()
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(document=_JSON)
@settings(max_examples=300)
def test_no_json_whatever_breaks_the_reading(document: Any) -> None:
    try:
        read_notices(document)
    except InvalidInput as refused:
        assert all(fault.cure for fault in refused.faults)
