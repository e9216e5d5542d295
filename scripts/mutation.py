"""Do the tests of decisions notice a changed rule? Tries every mutant of ``MUTATED`` by ``TESTS``.

    python scripts/mutation.py                # all of them; goes on where it was stopped
    python scripts/mutation.py --survivors    # those again that survived, after a test was added
    python scripts/mutation.py --list         # nothing is tried: the figures and what survives
    python scripts/mutation.py NAME ...       # these only (whose names begin so)

Exit code: 0, 1 when fewer than ``--least`` percent (90) are killed, 2 when the tests fail where
nothing is changed.

mutmut makes the mutants. The tests are read once, by pytest in this process; for each mutant a fork
of it runs them until one fails, so that a mutant costs what the tests cost and no more. A function
that is called while modules are read is tried in a process of its own, which reads them anew.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import functools
import gc
import hashlib
import importlib.abc
import importlib.machinery
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline
from mutmut.mutation.file_mutation import mutate_file_contents

ROOT = Path(__file__).resolve().parent.parent
MUTATED = ("payer_gateway/domain/cost*.py", "payer_gateway/domain/eligibility*.py")
# The quick ones of those that decide; Hypothesis would try each mutant hundreds of times.
TESTS = tuple(
    f"tests/unit/test_{name}.py"
    for name in (
        "cost",
        "eligibility_asking",
        "eligibility_roster",
        "eligibility_standing",
        "reason_sentences",
        "decided_cases",
        "eligibility_same_answers",
        "eligibility",
        "eligibility_boundaries",
        "eligibility_details",
        "eligibility_limits",
        "eligibility_payers",
        "eligibility_trace",
    )
)
NOT_RUN = (
    "tests/unit/test_cost.py::test_member_and_plan_always_add_up_to_what_is_allowed",
    "tests/unit/test_decided_cases.py::test_a_case_that_expected_anything_else_would_fail",
)
TRIED_WITH = ("tests/unit/*.py", "tests/*.py", "fixtures/eligibility/*", "mappings/plans/**/*.yaml")
KEPT = ROOT / "mutants"  # what was made and what became of it; no part of the repository
JOURNAL = KEPT / "journal.jsonl"
KILLED = {"killed", "endless"}
ENDLESS = 20  # times what the tests take unmutated, in seconds of CPU: whatever else is running


@dataclass(frozen=True)
class Mutant:
    name: str  # module.function__mutmut_number
    change: tuple[str, ...]  # the lines that differ, - and +
    digest: str  # of function and change: the same digest, the same mutant

    @property
    def function(self) -> str:
        return self.name.partition("__mutmut_")[0]


def mutated_sources() -> dict[str, str]:
    """By module: the source with all its mutants, of which none is switched on."""
    found: dict[str, str] = {}
    KEPT.mkdir(exist_ok=True)
    for file in sorted(file for pattern in MUTATED for file in ROOT.glob(pattern)):
        source = file.read_text("utf-8")
        kept = KEPT / f"{file.stem}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.py"
        if not kept.exists():
            kept.write_text(mutate_file_contents(str(file), source).code, "utf-8")
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        found[module] = kept.read_text("utf-8")
    return found


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    lines = source.splitlines()
    written: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name:
            body = lines[node.lineno - 1 : node.end_lineno]
            written[node.name] = [line.partition("  # type: ignore # mutmut")[0] for line in body]
    for name, body in written.items():
        function, _, number = name.partition("__mutmut_")
        if number.isdigit():
            before = written[f"{function}__mutmut_orig"]
            after = [line.replace(name, f"{function}__mutmut_orig") for line in body]
            diff = difflib.unified_diff(before, after, lineterm="", n=0)
            change = tuple(line for line in diff if re.match(r"[-+](?![-+]{2} )", line))
            seen = "\n".join((module, name, *before, *change))
            digest = hashlib.sha256(seen.encode()).hexdigest()[:16]
            yield Mutant(f"{module}.{name}", change, digest)


class Switch:
    """Which mutant is on, by module and name, and which functions were called before.
    mutmut's own switch reads the environment at each call, which costs more than the rules do."""

    def __init__(self) -> None:
        self.module = self.name = ""
        self.called: set[str] = set()
        self.listens = True

    def turn_on(self, mutant: str) -> None:
        self.module, _, self.name = mutant.rpartition(".")
        self.listens = False

    def wrap(self, mutants: Mapping[str, Any], is_classmethod: bool = False) -> Any:
        """In place of mutmut's decorator of the same arguments."""

        def decorated(function: Any) -> Any:
            module = function.__module__

            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                if self.listens:
                    original = mutants["_mutmut_orig"].__name__
                    self.called.add(f"{module}.{original.partition('__mutmut_')[0]}")
                on = mutants.get(self.name) if self.module == module else None
                return (on or mutants["_mutmut_orig"])(*args, **kwargs)

            return call

        return decorated


class Switchable(importlib.abc.MetaPathFinder):
    """Whoever imports a mutated module gets the source with the mutants in it."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self.sources:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.origin is not None:
            spec.loader = Loader(name, spec.origin, self.sources[name])
        return spec


class Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.source, self.path, "exec")
        return code


def first_to_fail(items: Sequence[pytest.Item]) -> int | None:
    for n, (item, following) in enumerate(zip(items, [*items[1:], None], strict=True)):
        if any(each.failed for each in runtestprotocol(item, log=False, nextitem=following)):
            return n
    return None


class Trial:
    """In place of pytest's own loop over the tests: one for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], switch: Switch) -> None:
        self.mutants, self.switch = mutants, switch
        self.unmutated_fail = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.switch.turn_on("")
        gc.freeze()
        items = list(session.items)
        began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        if self.fork(items, "", None) != "survived":
            self.unmutated_fail = True
            return True
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
        limit = 10 + ENDLESS * seconds
        say(f"unmutated the tests take {seconds:.1f} s; a mutant at most {limit:.0f} s of CPU")
        with JOURNAL.open("a", encoding="utf-8") as journal:
            for n, mutant in enumerate(self.mutants, 1):
                if mutant.function in self.switch.called:
                    outcome = in_a_process_of_its_own(mutant)
                else:
                    outcome = self.fork(items, mutant.name, int(limit))
                row = {"mutant": mutant.digest, "name": mutant.name, "outcome": outcome}
                journal.write(json.dumps(row) + "\n")
                journal.flush()
                if outcome != "killed" or n % 50 == 0:
                    say(f"{n}/{len(self.mutants)} {outcome} {short(mutant.name)}")
        return True

    def fork(self, items: list[pytest.Item], name: str, limit: int | None) -> str:
        """What becomes of the mutant. A test that kills goes to the front of ``items``: it is apt
        to kill the next one, of the same function, too."""
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                gc.disable()
                self.switch.turn_on(name)
                if limit is not None:
                    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
                killer = first_to_fail(items)
                os.write(tell, b"survived" if killer is None else b"%d" % killer)
            finally:
                os._exit(0)
        os.close(tell)
        with os.fdopen(told, "rb") as pipe:
            said = pipe.read()
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return "endless"
        if said.isdigit():
            items.insert(0, items.pop(int(said)))
        return "survived" if said == b"survived" else "killed"


def in_a_process_of_its_own(mutant: Mutant) -> str:
    command = [sys.executable, str(Path(__file__)), "--alone", mutant.name]
    # Our own file, a name of our own making.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    return "survived" if done.returncode == 0 else "killed"


def install(switch: Switch, sources: Mapping[str, str]) -> None:
    trampoline.wrap_in_trampoline = switch.wrap
    sys.meta_path.insert(0, Switchable(sources))


def pytest_arguments() -> list[str]:
    left_out = [f"--deselect={each}" for each in NOT_RUN]
    quick = ["--capture=sys", "--assert=plain", "--tb=no", "-p", "no:cacheprovider"]
    return ["-q", "-x", *quick, *left_out, *TESTS]


def try_all(mutants: Sequence[Mutant], sources: Mapping[str, str]) -> bool:
    """Whether the tests pass unmutated; what became of the mutants is in the journal."""
    switch = Switch()
    install(switch, sources)
    trial = Trial(mutants, switch)
    code = pytest.main(pytest_arguments(), plugins=[trial])
    return code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and (
        not trial.unmutated_fail
    )


def alone(name: str, sources: Mapping[str, str]) -> int:
    """One mutant that is switched on before anything is read."""
    switch = Switch()
    switch.turn_on(name)
    install(switch, sources)
    return int(pytest.main(pytest_arguments()))


@functools.cache
def tried_with() -> str:
    """The digest of the tests and of what they read, as they were when first asked for."""
    files = sorted({file for pattern in TRIED_WITH for file in ROOT.glob(pattern)})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def outcomes(*, of_any_tests: bool) -> dict[str, str]:
    """By mutant what became of it, last word first. Of other tests than those of today only what is
    asked for: a mutant that was killed is taken for killed still."""
    if not JOURNAL.exists():
        return {}
    found: dict[str, str] = {}
    by_these = False
    for line in JOURNAL.read_text("utf-8").splitlines():
        row = json.loads(line)
        if "tests" in row:
            by_these = row["tests"] == tried_with()
        elif by_these or of_any_tests:
            found[row["mutant"]] = row["outcome"]
    return found


def note_the_tests() -> None:
    with JOURNAL.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps({"tests": tried_with()}) + "\n")


def report(mutants: Iterable[Mutant], known: Mapping[str, str]) -> float:
    """Prints what survived and the figures; the percentage that was killed."""
    rows = [(each, known.get(each.digest, "not tried")) for each in mutants]
    for mutant, outcome in rows:
        if outcome == "survived":
            say(f"\n{short(mutant.name)}")
            for line in mutant.change:
                say(f"    {line}")
    by_module: dict[str, list[str]] = {}
    for mutant, outcome in rows:
        by_module.setdefault(mutant.name.split(".")[-2], []).append(outcome)
    say("")
    for module, told in [*by_module.items(), ("all", [outcome for _, outcome in rows])]:
        dead = sum(each in KILLED for each in told)
        part = 100 * dead / len(told) if told else 0.0
        untried = f", {told.count('not tried')} not tried" if "not tried" in told else ""
        say(f"{module:24} {dead} of {len(told)} killed, {part:.1f} %{untried}")
    return part


def short(name: str) -> str:
    return name.removeprefix("payer_gateway.domain.")


def say(line: str) -> None:
    print(line, file=sys.__stdout__, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--least", type=float, default=90.0, metavar="PERCENT")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.chdir(ROOT)
    sources = mutated_sources()
    if asked.alone:
        return alone(asked.alone, sources)
    mutants = [each for module, text in sources.items() for each in mutants_of(module, text)]
    mutants = [
        each
        for each in mutants
        if not asked.names or any(short(each.name).startswith(name) for name in asked.names)
    ]
    known = outcomes(of_any_tests=asked.survivors or asked.list)
    if not asked.list:
        kept = KILLED if asked.survivors else {*KILLED, "survived"}
        left = [each for each in mutants if known.get(each.digest) not in kept or asked.names]
        say(f"{len(mutants)} mutants, {len(left)} to try")
        note_the_tests()
        if left and not try_all(left, sources):
            say("The tests fail where nothing is changed: nothing was tried.")
            return 2
        known = outcomes(of_any_tests=asked.survivors)
    killed = report(mutants, known)
    return 0 if killed >= asked.least else 1


if __name__ == "__main__":
    sys.exit(main())
