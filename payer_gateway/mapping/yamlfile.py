"""Mapping and plan files: YAML in which every scalar is text and nothing is clever.

``no`` stays "no", ``1.10`` stays "1.10" and ``08`` stays "08"; whoever reads the file says what
each value means. Keys given twice, anchors, aliases and tags are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from payer_gateway.domain.errors import MappingError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
# The C parser is some ten times faster; the wheel has it, a build from source may not.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in the file, every scalar as text.

    Raises MappingError naming the file, the line, the key and what to do.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _wrong(path, None, f"it has {size} bytes; keep it under {MAX_BYTES}")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise _wrong(path, None, f"cannot be read ({error.strerror}); check name and rights") from (
            error
        )
    except UnicodeDecodeError as error:
        raise _wrong(path, None, f"the byte at offset {error.start} is not UTF-8") from error
    try:
        return _Builder(path).build(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _wrong(path, line, f"correct the YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise _wrong(path, None, f"correct the YAML: {' '.join(str(error).split())}") from None


def _wrong(path: Path, line: int | None, cure: str) -> MappingError:
    where = f"{path}" if line is None else f"{path}, line {line}"
    return MappingError(f"{where}: {cure}")


class _Level:
    """One open mapping or list while the file is read."""

    def __init__(self, name: str, into: dict[str, Any] | list[Any]) -> None:
        self.name, self.into = name, into
        self.key: str | None = None

    def add(self, value: Any) -> None:
        if isinstance(self.into, list):
            self.into.append(value)
        elif self.key is not None:
            self.into[self.key] = value
            self.key = None

    def inner(self) -> str:
        if isinstance(self.into, list):
            return f"{self.name}[{len(self.into)}]"
        return f"{self.name}.{self.key}" if self.name else f"{self.key}"


class _Builder:
    """Builds from parser events: only there are anchors, tags and second keys still to be seen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[_Level] = []
        self._top: dict[str, Any] | None = None

    def build(self, text: str) -> dict[str, Any]:
        for event in yaml.parse(text, Loader=_LOADER):
            self._take(event)
        if self._top is None:
            raise _wrong(self._path, None, "it is empty; write 'key: value' lines")
        return self._top

    def _take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent) and self._top is not None:
            raise _wrong(self._path, line, "a second document starts; keep one file to one")
        if isinstance(event, yaml.AliasEvent):
            raise _wrong(self._path, line, f"alias *{event.anchor}: write the value out instead")
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            return
        if not isinstance(event, yaml.NodeEvent):
            return
        self._refuse_clever(event, line)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event.value, line)
            return
        level = self._open[-1] if self._open else None
        if level is not None and isinstance(level.into, dict) and level.key is None:
            raise _wrong(self._path, line, f"{level.name or 'top'}: a key must be plain text")
        if len(self._open) >= MAX_DEPTH:
            raise _wrong(self._path, line, f"nest at most {MAX_DEPTH} levels deep")
        into: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if level is None:
            if isinstance(into, list):
                raise _wrong(self._path, line, "a list stands on top; write 'key: value' lines")
            self._top = into
            self._open.append(_Level("", into))
            return
        name = level.inner()
        level.add(into)
        self._open.append(_Level(name, into))

    def _refuse_clever(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            raise _wrong(self._path, line, f"anchor &{event.anchor}: remove it, write values out")
        if getattr(event, "tag", None) is not None:
            raise _wrong(self._path, line, f"tag {event.tag}: remove it, every value is text")

    def _scalar(self, value: str, line: int) -> None:
        if not self._open:
            if value:
                raise _wrong(self._path, line, "one value stands alone; write 'key: value' lines")
            return
        level = self._open[-1]
        if isinstance(level.into, dict) and level.key is None:
            if value in level.into:
                level.key = value
                raise _wrong(self._path, line, f"key {level.inner()} stands twice; remove one")
            level.key = value
            return
        level.add(value)
