r"""What a word is, in plain Python: the twin of the compiled rules in tokenize.py, for sentences that Python reads.

    The bytes 0x00-0x20 (white space and the other ASCII controls, NUL among them) and Unicode's spaces (str.isspace)
    end a word. '\n' alone ends a line; so CRLF is read as LF, and a lone CR is a space. A word longer than MAX_WORD
    bytes is left out. Bytes that are not UTF-8 are read as U+FFFD, one for each broken sequence.

On text without control characters these are the words of str.split, and so of gensim; word2vec.c knows no Unicode
spaces and cuts words at 99 bytes, even within a letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

MAX_WORD = 1000  # bytes
RUN = 1 << 20  # bytes of one line held at once

_TO_SPACES = bytes(b" "[0] if b <= 32 and b != 10 else b for b in range(256))


def words(line: bytes) -> list[str]:
    r"""The words of a line.

    >>> words("caf\u00e9\u00a0au lait\r".encode())
    ['café', 'au', 'lait']
    """
    try:
        found = line.translate(_TO_SPACES).decode().split()
    except UnicodeDecodeError:
        parts = line.translate(_TO_SPACES).decode(errors="surrogateescape").split()
        encoded = [part.encode(errors="surrogateescape") for part in parts]
        return [part.decode(errors="replace") for part in encoded if len(part) <= MAX_WORD]
    if len(line) > MAX_WORD and max(map(len, found), default=0) > MAX_WORD // 4:
        return [word for word in found if len(word.encode()) <= MAX_WORD]
    return found


def pieces(readinto: Callable[[memoryview], int]) -> Iterator[tuple[bytes, bool]]:
    r"""The lines of a byte stream, without their '\n'. A line of more than RUN bytes comes in pieces cut between words;
    the flag is true with the last piece of a line.
    """
    block = memoryview(bytearray(RUN))
    rest, within = b"", False
    while got := readinto(block):
        *lines, rest = (rest + bytes(block[:got])).split(b"\n")
        for line in lines:
            yield line, True
        within = within and not lines
        if len(rest) > RUN:
            head, rest = _cut(rest)
            within = True
            yield head, False
    if rest or within:
        yield rest, True


def _cut(run: bytes) -> tuple[bytes, bytes]:
    """Part a run at its last space. Of an unfinished word that is too long already, the end is enough."""
    at = run.translate(_TO_SPACES).rfind(b" ")
    if at < 0:
        text = run.decode(errors="surrogateescape")
        last = len(text) - 1 - (0 if text[-1].isspace() else len(text.rsplit(None, 1)[-1]))  # -1: none
        at = len(text[:last].encode(errors="surrogateescape")) if last >= 0 else -1
    head, tail = run[: max(at, 0)], run[max(at, 0) :]
    return head, carried(tail)


def carried(unfinished: bytes) -> bytes:
    """What to keep of a word that goes on: all, or, if it is too long already, enough to tell that and how it ends."""
    return unfinished[-(MAX_WORD + 4) :]
