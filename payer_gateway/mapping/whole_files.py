"""Files that appear under their name when they are whole; until then they have another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to; what is written there takes the place of ``path`` when the block ends.
    An OSError that it raises names ``path``, which one of a full disk does not by itself."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as exc:
        exc.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """``text`` as the content of ``path``. Raises OSError."""
    with whole(path) as temporary:
        temporary.write_text(text, "utf-8")
