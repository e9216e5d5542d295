"""Places as ISO 3166-2 codes: US states are read from their names and abbreviations."""

from __future__ import annotations

# ISO 3166-2:US (states, the district and outlying areas; the codes are those of USPS).
_US = {
    "AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california",
    "CO": "colorado", "CT": "connecticut", "DE": "delaware", "DC": "district of columbia",
    "FL": "florida", "GA": "georgia", "HI": "hawaii", "ID": "idaho", "IL": "illinois",
    "IN": "indiana", "IA": "iowa", "KS": "kansas", "KY": "kentucky", "LA": "louisiana",
    "ME": "maine", "MD": "maryland", "MA": "massachusetts", "MI": "michigan", "MN": "minnesota",
    "MS": "mississippi", "MO": "missouri", "MT": "montana", "NE": "nebraska", "NV": "nevada",
    "NH": "new hampshire", "NJ": "new jersey", "NM": "new mexico", "NY": "new york",
    "NC": "north carolina", "ND": "north dakota", "OH": "ohio", "OK": "oklahoma", "OR": "oregon",
    "PA": "pennsylvania", "RI": "rhode island", "SC": "south carolina", "SD": "south dakota",
    "TN": "tennessee", "TX": "texas", "UT": "utah", "VT": "vermont", "VA": "virginia",
    "WA": "washington", "WV": "west virginia", "WI": "wisconsin", "WY": "wyoming",
    "AS": "american samoa", "GU": "guam", "MP": "northern mariana islands", "PR": "puerto rico",
    "VI": "u.s. virgin islands",
}  # fmt: skip
_US_NAMES = {name: code for code, name in _US.items()}


def place_of(country: str, state: str | None) -> str:
    """ISO 3166-2 where the state is known to us, else the country alone (ISO 3166-1 alpha-2)."""
    text = " ".join((state or "").split())
    if country == "US":
        short = text.upper().removeprefix("US-")
        code = short if short in _US else _US_NAMES.get(text.casefold())
        return f"US-{code}" if code else "US"
    return text.upper() if text.upper().startswith(f"{country}-") else country
