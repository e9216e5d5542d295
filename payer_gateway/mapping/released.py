"""Released versions: frozen files, and the list of digests that shows when one was changed.

``mappings/released.sha256`` has a line per version, ``<sha256>  insurers/<name>/vN`` or
``<sha256>  plans/<name>/vN``, sorted by the second column. The digest covers all that the version
means, as it is written: an insurer's file with its dialects, a plan with all that it inherits. It
does not depend on the version of this program.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.whole_files import write_whole

FILE = "released.sha256"
_LINE = re.compile(
    r"([0-9a-f]{64})  ((?:insurers|plans)/[a-z0-9]+(?:-[a-z0-9]+)*/v[1-9][0-9]{0,5})"
)


def digest_of(documents: object) -> str:
    """SHA-256 of documents as they are written, every value a text."""
    return hashlib.sha256(canonical_json(documents)).hexdigest()


def read_released(mappings: Path) -> dict[str, str]:
    """Version (``insurers/<name>/vN``) → digest. A folder without the list has released nothing.

    Raises MappingError naming the line that cannot be read.
    """
    path = mappings / FILE
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: cannot be read ({type(error).__name__}); restore it") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise MappingError(
                f"{path}, line {number}: is no '<sha256>  insurers/<name>/vN'; restore the file,"
                " only `mapping release` and `plan release` write it"
            )
        if match[2] in found:
            raise MappingError(f"{path}, line {number}: {match[2]} stands twice; restore the file")
        found[match[2]] = match[1]
    return found


def refuse_changed(released: Mapping[str, str], version: str, digest: str, file: str) -> None:
    """Raise MappingError when a released version is no longer what it was."""
    if released.get(version, digest) != digest:
        number = int(version.rpartition("/v")[2])
        raise MappingError(
            f"{file}: version {number} is released, and it or what it builds on was changed since:"
            f" restore the files, and write v{number + 1}.yaml for what is new"
        )


def add_released(mappings: Path, digests: Mapping[str, str]) -> None:
    """Put versions on the list. A version that stands there keeps its digest for good."""
    lines = {**digests, **read_released(mappings)}
    text = "".join(f"{digest}  {version}\n" for version, digest in sorted(lines.items()))
    write_whole(mappings / FILE, text)
