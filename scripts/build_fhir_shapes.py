"""Builds ``payer_gateway/mapping/fhir/<standard>.json``: what a standard says of the resources that
we send and of the data types in them, from its own StructureDefinitions.

    python scripts/build_fhir_shapes.py PACKAGES             # writes the files
    python scripts/build_fhir_shapes.py PACKAGES --check     # compares; 1 if they differ

PACKAGES is a folder with the FHIR packages named in ``STANDARDS`` (CC0, HL7 International;
docs/conformance.md says how to get them). The same packages give the same bytes.

Taken over from the snapshots: elements, cardinality, types, reference targets, fixed values and
patterns, required bindings whose codes the packages hold, slices told apart by url, pattern, value
or resource type, and the invariants that ``mapping/fhir/invariants.py`` knows by their FHIRPath
text. What could not be taken over is listed in the file under ``left_out``: it is not checked.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from payer_gateway.mapping.fhir.invariants import NAMES

Json = dict[str, Any]

TABLES = Path(__file__).parent.parent / "payer_gateway" / "mapping" / "fhir"
CORE = "hl7.fhir.r4.core-4.0.1.tgz"
_SD = "http://hl7.org/fhir/StructureDefinition/"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
_PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/"
RESOURCES = (
    "Bundle Claim ClaimResponse Condition Coverage DocumentReference Encounter Location"
    " Organization Parameters Patient Practitioner PractitionerRole ServiceRequest"
).split()
_PAS_PROFILES = (
    "profile-beneficiary profile-claim profile-claim-inquiry profile-claim-update profile-coverage"
    " profile-documentreference profile-encounter profile-insurer profile-location"
    " profile-pas-inquiry-request-bundle profile-pas-request-bundle profile-practitioner"
    " profile-practitionerrole profile-requestor profile-servicerequest profile-subscriber"
).split()
# standard → (packages, the first one's own definitions wanted; resources or profiles)
STANDARDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "r4": ((CORE,), tuple(_SD + name for name in ("Element", *RESOURCES))),
    "pas-2.2.1": (
        ("davinci_pas_2.2.1.tgz", "us_core_700.tgz", "us_core_610.tgz", CORE),
        tuple(_PAS + name for name in _PAS_PROFILES),
    ),
    "pas-2.0.1": (
        ("davinci_pas_2.0.1.tgz", "us_core_311.tgz", CORE),
        (*(_PAS + name for name in _PAS_PROFILES), _US_CORE + "us-core-documentreference"),
    ),
}
# A discriminator that looks at the value of an extension.
_EXTENDED = re.compile(r"extension\('([^']+)'\)\.value(?:\.ofType\(boolean\)| as boolean)")


class Packages:
    """Definitions by canonical address, of several packages; the first that has one wins."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.definitions: dict[str, Json] = {}
        self.code_systems: dict[str, Json] = {}
        self.value_sets: dict[str, Json] = {}
        kinds = {
            "StructureDefinition": self.definitions,
            "CodeSystem": self.code_systems,
            "ValueSet": self.value_sets,
        }
        for name in names:
            with tarfile.open(folder / name) as package:
                for member in package.getmembers():
                    kind = Path(member.name).name.partition("-")[0]
                    if kind in kinds and member.name.endswith(".json"):
                        self._take(kinds[kind], package.extractfile(member).read())  # type: ignore[union-attr]

    def _take(self, into: dict[str, Json], data: bytes) -> None:
        try:
            document = json.loads(data)
        except ValueError:
            return  # some packages carry empty stubs
        if "url" in document:
            into.setdefault(document["url"], document)

    def codes(self, value_set: str) -> list[tuple[str, str]] | None:
        """(system, code) of every code in the set; None when the packages do not hold them all."""
        found = self.value_sets.get(value_set.partition("|")[0])
        if found is None or "exclude" in found.get("compose", {}):
            return None
        codes: list[tuple[str, str]] = []
        for part in found.get("compose", {}).get("include", ()):
            if "filter" in part or ("valueSet" in part and "system" in part):
                return None
            for inner in part.get("valueSet", ()):
                held = self.codes(inner)
                if held is None:
                    return None
                codes += held
            if "system" not in part:
                continue
            if "concept" in part:
                codes += [(part["system"], each["code"]) for each in part["concept"]]
                continue
            system = self.code_systems.get(part["system"])
            if system is None or system.get("content") != "complete":
                return None
            codes += [(part["system"], code) for code in _concepts(system.get("concept", ()))]
        return codes or None

    def systems(self, value_set: str) -> list[str] | None:
        """The systems of which the set takes codes; None when it is not known of all its parts."""
        found = self.value_sets.get(value_set.partition("|")[0], {})
        parts = found.get("compose", {}).get("include", ())
        if not parts or any("system" not in part for part in parts):
            return None
        return sorted({part["system"] for part in parts})


def _concepts(concepts: Any) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _concepts(concept.get("concept", ()))


class Builder:
    """Turns snapshots into shapes; whatever a shape names is built too."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages
        self.shapes: dict[str, Json] = {}
        self.left_out: set[str] = set()

    def build(self, url: str) -> str:
        """The shape of a resource, profile or data type; its key."""
        key = url.removeprefix(_SD)
        if key in self.shapes:
            return key
        definition = self._packages.definitions.get(url)
        if definition is None:
            raise SystemExit(f"no StructureDefinition {url} in the packages")
        self.shapes[key] = {}
        root = _tree(definition["snapshot"]["element"])
        shape = self._object(root, key)
        shape["type"] = definition["type"]
        if definition["kind"] == "resource":
            shape["is_resource"] = True
            shape["children"][0]["types"] = [{"code": "id"}]
        self.shapes[key] = shape
        return key

    def _object(self, node: Json, where: str) -> Json:
        out: Json = {"children": [self._child(n, c, where) for n, c in node["children"].items()]}
        if rules := self._rules(node["element"], where):
            out["rules"] = rules
        return out

    def _child(self, name: str, node: Json, where: str) -> Json:
        element = node["element"]
        path = f"{where}.{name}"
        out: Json = {"name": name.removesuffix("[x]")}
        if element["min"]:
            out["min"] = element["min"]
        if element["max"] != "*":
            out["max"] = int(element["max"])
        if name == "contained":
            out["max"] = 0  # we contain nothing in one another, and refuse what does
        # Whether it is a list on the wire is what the base says, not the profile.
        out["list"] = element.get("base", element)["max"] not in ("0", "1")
        if name.endswith("[x]"):
            out["choice"] = True
        if out.get("max") == 0:
            return out
        out |= self._content(name, node, path)
        if name.endswith("[x]"):
            self._narrow(out, node, path)
            return out
        slices = [self._slice(each, s, element, path) for each, s in node["slices"].items()]
        if held := [each for each in slices if each]:
            out["slices"] = held
        return out

    def _narrow(self, out: Json, node: Json, path: str) -> None:
        """A choice sliced by type: what a slice says of its type is said of that type."""
        for name, inner in node["slices"].items():
            said = self._content(name, inner, f"{path}:{name}")
            for each in said["types"]:
                for held in out["types"]:
                    if held["code"] == each["code"]:
                        held |= {k: v for k, v in said.items() if k != "types"} | each

    def _content(self, name: str, node: Json, path: str) -> Json:
        element = node["element"]
        out: Json = {}
        for key, value in element.items():
            if key.startswith("fixed"):
                out["fixed"] = value
            elif key.startswith("pattern"):
                out["pattern"] = value
        if "contentReference" in element:
            out["same_as"] = element["contentReference"].rpartition("#")[2]
            return out
        if rules := self._rules(element, path):
            out["rules"] = rules
        out["types"] = [self._type(each, element, path) for each in element.get("type", ())]
        if node["children"] and not name.endswith("[x]"):
            out["children"] = self._object(node, path)["children"]
        return out

    def _type(self, each: Json, element: Json, path: str) -> Json:
        code = each["code"]
        if code.startswith("http://hl7.org/fhirpath/"):
            code = "uri" if path.endswith(".url") else "string"
        out: Json = {"code": code}
        if code[0].isupper() and code != "Resource":
            profile = next(iter(each.get("profile", ())), None)
            url = profile.partition("|")[0] if profile else _SD + code
            if url not in self._packages.definitions:
                self.left_out.add(f"{path}: {url} is in none of the packages")
                url = _SD + code
            if self._packages.definitions[url]["kind"] == "resource":
                # Which of several profiles is meant, the resource itself says.
                return {"code": "Resource", "is": code, "shape": self.build(url)}
            out["shape"] = self.build(url)
        if code == "Reference" and "targetProfile" in each:
            out["targets"] = sorted({self._target(url) for url in each["targetProfile"]})
        if codes := self._codes(element, path):
            out["codes"] = (
                sorted({code for _, code in codes})
                if code in ("code", "string", "uri")
                else sorted({f"{system}|{code}" for system, code in codes})
            )
        elif code in ("CodeableConcept", "Coding") and (systems := self._systems(element)):
            out["systems"] = systems
        return out

    def _systems(self, element: Json) -> list[str] | None:
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or "valueSet" not in binding:
            return None
        return self._packages.systems(binding["valueSet"])

    def _target(self, url: str) -> str:
        definition = self._packages.definitions.get(url.partition("|")[0])
        return str(definition["type"]) if definition else url.rpartition("/")[2]

    def _codes(self, element: Json, path: str) -> list[tuple[str, str]] | None:
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or "valueSet" not in binding:
            return None
        codes = self._packages.codes(binding["valueSet"])
        if codes is None:
            self.left_out.add(f"{path}: the codes of {binding['valueSet'].partition('|')[0]}")
        return codes

    def _rules(self, element: Json, path: str) -> list[str]:
        names = []
        for constraint in element.get("constraint", ()):
            if constraint["severity"] != "error":
                continue
            name = NAMES.get((constraint["key"], constraint.get("expression")))
            if name is None:
                self.left_out.add(f"{path}: invariant {constraint['key']}")
            elif name:
                names.append(name)
        return sorted(set(names))

    def _slice(self, name: str, node: Json, sliced: Json, path: str) -> Json | None:
        """What tells the slice apart, and what it demands; None when we cannot tell it apart."""
        where = f"{path}:{name}"
        tests = []
        for each in sliced.get("slicing", {}).get("discriminator", ()):
            test = self._test(each, node)
            if test is None:
                self.left_out.add(f"{where}: told apart by {each['type']} of {each['path']}")
                return None
            tests.append(test)
        element = node["element"]
        out: Json = {"slice": name, "when": tests}
        if element["min"]:
            out["min"] = element["min"]
        if element["max"] != "*":
            out["max"] = int(element["max"])
        out |= self._content(name, node, where)
        return out

    def _test(self, discriminator: Json, node: Json) -> Json | None:
        kind, path = discriminator["type"], discriminator["path"]
        if kind in ("value", "pattern") and path == "url":
            profile = next(iter(node["element"].get("type", [{}])[0].get("profile", ())), None)
            inner = node["children"].get("url")
            fixed = inner["element"].get("fixedUri") if inner else None
            url = fixed or (profile.partition("|")[0] if profile else None)
            return {"path": ["url"], "is": url} if url else None
        if match := _EXTENDED.fullmatch(path):
            held = node["children"].get("extension", {"slices": {}})["slices"].values()
            for each in held:
                value = each["children"].get("value[x]", {"element": {}})["element"]
                for key, expected in value.items():
                    if key.startswith(("fixed", "pattern")):
                        return {"path": [], "has": match[1], "is_value": expected}
            return None
        steps = [] if path == "$this" else path.split(".")
        if not all(step.isidentifier() for step in steps):
            return None
        found = node
        for step in steps:
            if step not in found["children"]:
                return None
            found = found["children"][step]
        if kind == "type" and len(steps) == 1:
            types = [each["code"] for each in found["element"].get("type", ())]
            return {"path": [*steps, "resourceType"], "is": types[0]} if len(types) == 1 else None
        if kind not in ("value", "pattern"):
            return None
        for key, value in found["element"].items():
            if key.startswith(("fixed", "pattern")):
                return {"path": steps, "holds": value}
        return None


def _tree(elements: list[Json]) -> Json:
    """The snapshot's flat list as a tree: children by name, slices by name."""
    root: Json = {"element": elements[0], "children": {}, "slices": {}}
    for element in elements[1:]:
        *way, last = element["id"].split(".")[1:]
        node = root
        for step in way:
            name, _, sliced = step.partition(":")
            node = node["children"][name]
            if sliced:
                node = node["slices"][sliced]
        name, _, sliced = last.partition(":")
        made: Json = {"element": element, "children": {}, "slices": {}}
        if sliced:
            node["children"][name]["slices"][sliced] = made
        else:
            node["children"][name] = made
    return root


def text_of(folder: Path, standard: str) -> str:
    names, wanted = STANDARDS[standard]
    packages = Packages(folder, names)
    builder = Builder(packages)
    profiles = [builder.build(url) for url in wanted if url in packages.definitions]
    head = {"standard": standard, "packages": list(names), "profiles": profiles}
    lines = [f'"{key}": {_one_line(builder.shapes[key])}' for key in sorted(builder.shapes)]
    left_out = [json.dumps(each) for each in sorted(builder.left_out)]
    return (
        f'{{"head": {_one_line(head)},\n"left_out": [\n'
        + ",\n".join(left_out)
        + '\n],\n"shapes": {\n'
        + ",\n".join(lines)
        + "\n}}\n"
    )


def _one_line(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def main(arguments: list[str]) -> int:
    folders = [each for each in arguments if not each.startswith("--")]
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 2
    differing = []
    for standard in STANDARDS:
        text, path = text_of(Path(folders[0]), standard), TABLES / f"{standard}.json"
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            differing.append(path.name)
    if differing:
        print(f"these differ from what the packages say: {', '.join(differing)}")  # noqa: T201
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
