"""stdout and stderr of a command. Who reads them may go away (``| head``), and what a command does
is not his: the rest of the output then goes nowhere, and the command comes to its own end."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any, TextIO


class Unprintable(OSError):
    """stdout takes nothing more: the disk behind it is full, say."""


class _Written(io.RawIOBase):
    """When stdout has failed it is not tried again: the interpreter would, at its end, and exit
    with a code of its own (120). Of stderr the next line may be read again: a log's disk was full,
    and is not any more."""

    def __init__(self, fd: int, *, must_be_read: bool) -> None:
        self._fd, self._must_be_read = fd, must_be_read
        self._is_lost = False

    def write(self, data: Any, /) -> int:
        if not self._is_lost:
            self._is_lost = True  # also if Ctrl-C ends the waiting for one who does not read
            try:
                n = os.write(self._fd, data)
            except OSError as exc:
                if self._must_be_read and exc.errno != errno.EPIPE:
                    raise Unprintable(exc.errno, exc.strerror) from exc
                self._is_lost = self._must_be_read
            else:
                self._is_lost = False
                return n
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)


def lasting(stream: TextIO | None, *, must_be_read: bool) -> TextIO:
    """``stream`` (None: closed by whoever called us) as it is to be written from now on.
    ``must_be_read``: raises Unprintable for what its reader would miss; else nothing fails."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    written = io.BufferedWriter(_Written(stream.fileno(), must_be_read=must_be_read))
    return io.TextIOWrapper(
        written, stream.encoding, stream.errors, line_buffering=bool(stream.line_buffering)
    )
