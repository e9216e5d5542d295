"""The published table of reasons: ``docs/reasons.md`` says the same, a test holds the two equal.

Source: X12 claim adjustment reason codes (external code list 139), X12 271 EB01/EB11/EB12/AAA03,
code numbers only; effects and columns as in the eligibility standard, section 3. CARC numbers
other than 61 are unverified.
"""

from __future__ import annotations

from collections.abc import Mapping

from payer_gateway.domain.reason_codes import Code, Meaning, Verdict

_INVALID, _NO, _PEND, _IF, _YES = Verdict

MEANINGS: Mapping[Code, Meaning] = {
    Code.MEMBER_NOT_FOUND: Meaning(
        _INVALID,
        "No member of the plan has this member id.",
        "We could not find you under this member number. Please check the number on your card.",
        carc="31",
        aaa="75",
    ),
    Code.DIAGNOSIS_INVALID: Meaning(
        _INVALID,
        "{code} is no diagnosis code of {system}.",
        "The diagnosis code sent to us does not exist. Please ask your doctor's office to check"
        " it.",
        carc="146",
        aaa="15",
        also=(("aaa", "33"),),
    ),
    Code.DIAGNOSIS_NOT_SPECIFIC: Meaning(
        _INVALID,
        "{code} is a heading, not a code that can be billed; name one that begins with {prefix}",
        "The diagnosis code sent to us is too general. Please ask your doctor's office for the"
        " exact one.",
        carc="146",
        aaa="15",
        also=(("aaa", "33"),),
    ),
    Code.DIAGNOSIS_NOT_VALID_ON_DATE: Meaning(
        _INVALID,
        "{code} is not in the code set of {service}, the day of the service.",
        "The diagnosis code sent to us is not in use on the day of your appointment. Please ask"
        " your doctor's office to check it.",
        carc="146",
        aaa="15",
        also=(("aaa", "33"),),
    ),
    Code.CURRENCY_PRECISION: Meaning(
        _INVALID,
        "{amount} is no amount in {currency}, which has {digits} digits after the point.",
        "The price sent to us is not written as an amount of that currency.",
        carc="16",
        aaa="33",
    ),
    Code.DATE_OUT_OF_RANGE: Meaning(
        _INVALID,
        "The service on {service} is later than {latest}, twelve months from the day of asking.",
        "The appointment is more than twelve months away. Please ask again nearer to the day.",
        carc="16",
        aaa="62",
        also=(("aaa", "63"),),
    ),
    Code.OPINION_ORDER: Meaning(
        _INVALID,
        "The {earlier} opinion is dated {first}, after the {later} opinion on {service}.",
        "The dates of your opinions are not in order. Please ask your doctor's office to check"
        " them.",
        carc="16",
        aaa="57",
    ),
    Code.NO_COVERAGE: Meaning(
        _NO,
        "The consultation names no coverage: the patient pays.",
        "No insurance was named for this opinion, so you pay for it yourself.",
    ),
    Code.COVERAGE_NOT_YET_EFFECTIVE: Meaning(
        _NO,
        "Cover starts on {start}, after the service on {service}.",
        "Your cover starts on {start}; the appointment is before that day.",
        carc="26",
        eb01="6",
    ),
    Code.COVERAGE_TERMINATED: Meaning(
        _NO,
        "Cover ended on {end}, before the service on {service}.",
        "Your cover ended on {end}; the appointment is after that day.",
        carc="27",
        eb01="6",
    ),
    Code.RETROACTIVE_TERMINATION: Meaning(
        _NO,
        "Cover was ended as of {end} by a change recorded on {recorded}, after an earlier answer"
        " of {answered}; a rescission review is due.",
        "We told you on {answered} that this is covered. Since then your cover was ended as of"
        " {end}. You may ask for a review of that.",
        carc="27",
        eb01="6",
    ),
    Code.COVERAGE_NOT_ACTIVE: Meaning(
        _NO,
        "The coverage is {status}, not active.",
        "Your cover is not active.",
        carc="27",
        eb01="6",
    ),
    Code.DEPENDENT_AGE_LIMIT: Meaning(
        _NO,
        "Cover as a dependent ended on {end}, with age {limit}.",
        "Your cover as a child of a member ended on {end}, with age {limit}.",
        carc="32",
        aaa="77",
    ),
    Code.DIAGNOSIS_EXCLUDED: Meaning(
        _NO,
        "The plan excludes {code}.",
        "Your plan does not cover second opinions for this diagnosis.",
        carc="167",
        eb01="I",
        also=(("eb01", "E"),),
    ),
    Code.BENEFIT_CATEGORY_MISMATCH: Meaning(
        _NO,
        "Neither the diagnosis {code} nor a planned operation falls under a second-opinion"
        " benefit of the plan ({benefits}).",
        "Your plan covers second opinions for some illnesses and operations; this is none of them.",
        carc="204",
        eb01="I",
    ),
    Code.MODE_NOT_COVERED: Meaning(
        _NO,
        "The {benefit} benefit does not cover the mode {mode} (covered: {modes}).",
        "Your plan does not cover an opinion that is given in this way.",
        carc="96",
    ),
    Code.WAITING_PERIOD: Meaning(
        _NO,
        "Covered from {eligible_from} on, after the plan's waiting period.",
        "Your plan covers second opinions from {eligible_from} on.",
        carc="179",
        eb01="I",
    ),
    Code.THIRD_OPINION_NOT_WARRANTED: Meaning(
        _NO,
        "The plan pays a third opinion after a recorded disagreement of the first two; {found}.",
        "Your plan covers a third opinion only where the first two disagree.",
        carc="272",
        eb01="I",
    ),
    Code.NOT_INDEPENDENT: Meaning(
        _NO,
        "The opinion comes from the same {shared} as an earlier one; it must be independent.",
        "The opinion must come from another doctor and another practice than the ones before it.",
        carc="272",
        eb01="I",
    ),
    Code.SECOND_OPINION_SURGEON_PERFORMS: Meaning(
        _NO,
        "The doctor who gives the opinion is to perform the operation.",
        "The doctor who gives the opinion may not be the one who operates.",
        carc="272",
        eb01="I",
    ),
    Code.OPINION_AFTER_SURGERY: Meaning(
        _NO,
        "The operation is on {surgery}, before the opinion on {service}.",
        "The opinion would come after your operation; your plan covers it only before.",
        carc="272",
        aaa="57",
    ),
    Code.COE_REQUIRED: Meaning(
        _NO,
        "The {benefit} benefit is paid at a centre of excellence only.",
        "For this operation your plan covers opinions from its centres of excellence only.",
        carc="242",
        eb01="N",
    ),
    Code.CROSS_BORDER_NOT_COVERED: Meaning(
        _NO,
        "The plan does not cover an opinion given in {country}.",
        "Your plan does not cover opinions from doctors in that country.",
        carc="242",
        eb01="N",
    ),
    Code.BENEFIT_LIMIT_REACHED: Meaning(
        _NO,
        "Used: {used} of {maximum}, for {period}.",
        "You have used your plan's allowance for {period}.",
        carc="119",
        eb01="F",
    ),
    Code.PREMIUM_GRACE_PERIOD: Meaning(
        _PEND,
        "The premium is paid through {paid_through}; the service on {service} is in the grace"
        " period ({grace}).",
        "Your premium is paid through {paid_through}. The insurer decides once it is paid.",
        carc="257",
        eb01="7",
        also=(("eb01", "8"),),
    ),
    Code.MEDICAL_NECESSITY_REVIEW: Meaning(
        _PEND,
        "The first two opinions are not recorded to disagree ({found}): whether a third is"
        " medically necessary is for a reviewer.",
        "A reviewer looks at whether a third opinion is needed.",
        carc="50",
        eb01="V",
        also=(("carc", "133"),),
    ),
    Code.PROVIDER_LICENSURE: Meaning(
        _PEND,
        "The doctor is licensed in {licensed}, the patient is in {location}; a licence there must"
        " be shown.",
        "For a video call the doctor needs a licence where you are. We are checking this.",
        carc="185",
        aaa="52",
    ),
    Code.CURRENCY_CONVERSION_REQUIRED: Meaning(
        _PEND,
        "The price is in {billed}, the plan pays in {plan}, and no rate is agreed.",
        "The price is in another currency than your plan's; the insurer has to set the rate.",
        carc="16",
        aaa="33",
    ),
    Code.SECONDARY_PAYER: Meaning(
        _IF,
        "{first} is billed first.",
        "Another insurer of yours pays first: {first}.",
        carc="22",
        eb01="R",
    ),
    Code.CROSS_BORDER_AUTH_REQUIRED: Meaning(
        _IF,
        "An opinion given in {country} needs the insurer's prior authorization.",
        "Your plan covers this opinion abroad once the insurer has agreed to it beforehand.",
    ),
    Code.HYBRID_WINDOW_EXCEEDED: Meaning(
        _IF,
        "The meetings are {days} days apart, more than {window}: they count as {units} opinions.",
        "Your appointments are too far apart to count as one opinion; they count as {units}.",
    ),
    Code.AUTH_REQUIRED: Meaning(
        _IF,
        "The {benefit} benefit needs the insurer's prior authorization.",
        "Your plan covers this once the insurer has agreed to it beforehand.",
        carc="197",
        eb11="Y",
    ),
    Code.AUTH_EXPIRED: Meaning(
        _IF,
        "The authorization on file does not cover the service on {service}.",
        "The insurer's agreement does not hold for the day of the appointment; it has to be"
        " renewed.",
        carc="302",
        eb11="Y",
    ),
    Code.MANDATORY_SECOND_OPINION_MISSING: Meaning(
        _IF,
        "The plan asks for a second opinion before this operation ({group}) and none is on file;"
        " the operation is covered, the benefit is reduced.",
        "Your plan asks for a second opinion before this operation. Without one it pays less.",
        carc="61",
        eb01="Q",
    ),
    Code.SECOND_OPINION_EXPIRED: Meaning(
        _IF,
        "The second opinion of {opinion} is {age} days old on the day of the operation, more than"
        " {valid}.",
        "Your second opinion will be too old on the day of the operation. Without a newer one"
        " your plan pays less.",
        carc="61",
        eb01="Q",
    ),
    Code.COVERED_BENEFIT: Meaning(
        _YES,
        "Covered under the {benefit} benefit.",
        "Your plan covers this.",
    ),
    Code.OUT_OF_NETWORK: Meaning(
        _YES,
        "The provider is out of network; that cost share applies.",
        "This doctor is not in your plan's network, so you pay the share for that.",
        eb12="N",
    ),
    Code.MIXED_NETWORK: Meaning(
        _YES,
        "Some of the meetings are out of network ({networks}); the higher cost share applies.",
        "Not all of your appointments are in your plan's network; you pay the higher share.",
        eb12="N",
    ),
    Code.BENEFIT_LIMIT_PARTIAL: Meaning(
        _YES,
        "The plan pays the {left} that are left of {maximum} for {period}, the member the rest.",
        "Your plan pays what is left of this year's allowance; you pay the rest.",
        carc="119",
        eb01="F",
    ),
    Code.STATE_CANCER_MANDATE: Meaning(
        _YES,
        "The state's cancer mandate applies: out of network at in-network cost, on the attending"
        " physician's written referral.",
        "By state law you pay no more for this opinion than in your plan's network.",
    ),
    Code.EMERGENCY_EXEMPT: Meaning(
        _YES,
        "Urgency {urgency}: the plan asks for no second opinion before this operation.",
        "Your operation cannot wait, so your plan asks for no second opinion.",
    ),
    Code.DECIDED_BY_PERSON: Meaning(
        _YES, "A person decided that this is covered: {reason}", "The insurer has agreed to this."
    ),
    Code.REFUSED_BY_PERSON: Meaning(
        _NO, "A person refused this: {reason}", "The insurer has looked at this and refused it."
    ),
}
