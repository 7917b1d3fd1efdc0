"""Edits of valid files, as plain values: hypothesis draws and shrinks them, a random generator draws them by the 100,000.

Owns what an edit does to bytes; knows no format. A target may add a `rewrite` of its own, which puts a value into the
structure that its bytes encode, where edits of bytes would nearly always break the syntax first.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Edit = tuple[str, int, int, bytes]  # kind, place, length, token
Rewrite = Callable[[bytes, int, Any], bytes]

KINDS = ("set", "insert", "delete", "cut", "copy", "number", "bit", "splice", "value")
PLACE, LENGTH = 1 << 20, 64

TOKENS = [b" ", b"\n", b"\0", b"\t", b"\r\n", b"-1", b"0", b"1", b"99999999999", b"9" * 30, b"1048576", b"nan", b"1e999"]
TOKENS += [b"\xff" * 4, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0" * 8, b"\x80", b"\xc3", b"{", b"}", b"(", b".", b'"', b"]"]
TOKENS += [b"\x1b[2J", "\u202e".encode(), b"\xed\xa0\x80", b"\xef\xbb\xbf", b"../../", b"[" * 64, b"x" * 1001, b": ", b"#"]
TOKENS += [struct.pack("<q", n) for n in (1 << 31, 1 << 40, 1 << 62)] + [struct.pack("<i", n) for n in (-1, 1 << 30)]

# What a JSON file may say where something else is expected.
VALUES: list[Any] = [None, True, False, 0, 1, -1, 2, 1.5, -0.0, 1e308, float("inf"), float("nan"), 1 << 31, 1 << 63, 10**40]
VALUES += ["", "w2v", "the", "a" * 2000, "\x1b[2J\n", "\ud800", [], {}, [0], [[0]], {"a": 1}, [None] * 6, [1] * 6, ["a"] * 6]

edits = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, PLACE),
        st.integers(0, LENGTH),
        st.sampled_from(TOKENS) | st.binary(max_size=9),
    ),
    min_size=1,
    max_size=5,
)


def drawn(rng: random.Random) -> list[Edit]:
    """One to five edits, as `edits` draws them."""
    made: list[Edit] = []
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        token = rng.choice(TOKENS) if rng.random() < 0.6 else rng.randbytes(rng.randrange(10))
        made.append((rng.choice(KINDS), rng.randrange(PLACE + 1), rng.randrange(LENGTH + 1), token))
    return made


def edited(data: bytes, changes: Sequence[Edit], seeds: Sequence[bytes] = (), rewrite: Rewrite | None = None) -> bytes:
    """`data` after all changes. `seeds` are other valid files, to cross it with."""
    for kind, place, length, token in changes:
        if kind == "value" and rewrite is not None:
            data = rewrite(data, place, VALUES[(length + len(token)) % len(VALUES)])
        elif kind == "splice" and seeds:
            other = seeds[length % len(seeds)]
            at = place % (len(data) + 1)
            data = data[:at] + other[min(at, len(other)) if token else place % (len(other) + 1) :]
        else:
            data = _bytes_edited(bytearray(data), kind, place, length, token)
    return data


def _bytes_edited(data: bytearray, kind: str, place: int, length: int, token: bytes) -> bytes:
    at = place % (len(data) + 1)
    if kind == "set":
        data[at : at + len(token)] = token
    elif kind == "delete":
        del data[at : at + length]
    elif kind == "cut":
        del data[at:]
    elif kind == "copy":
        data[at:at] = data[at // 2 : at // 2 + length]
    elif kind == "bit" and at < len(data):
        data[at] ^= 1 << length % 8
    elif kind == "number" and at < len(data):
        data[at] = (data[at] + length - 32) % 256
    else:
        data[at:at] = token
    return bytes(data)


def put(tree: Any, place: int, value: Any) -> Any:
    """A JSON tree with `value` in place of one of its nodes, or under a key of its own, or with a node left out."""
    if isinstance(tree, dict) and tree:
        keys = list(tree)
        key = keys[place % len(keys)]
        how = place // len(keys)
        if how % 8 == 0:
            return {k: v for k, v in tree.items() if k != key}
        if how % 8 == 1:
            return {**tree, (value if isinstance(value, str) else "more"): value}
        return {**tree, key: put(tree[key], how // 8, value)}
    if isinstance(tree, list) and tree and place % 3:
        at = (place // 3) % len(tree)
        return [*tree[:at], put(tree[at], place // 3 // len(tree), value), *tree[at + 1 :]]
    return value
