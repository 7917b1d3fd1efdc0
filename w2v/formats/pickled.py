"""Reads a pickle as data. Owns an interpreter of the opcodes that gensim's files use; it calls and imports nothing.

Python's own unpickler looks up functions by name and calls them: whoever writes the file decides what runs, and even
one with a restricted `find_class` can be made to allocate without bound. Here a name stays a name (`Name`), and an
object is a record of what the file says about it (`Object`): the class or function it names, the arguments, the state.
Every name must be on the caller's list, so that a file that is no model is refused with the name of what it wanted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError


@dataclass(frozen=True)
class Name:
    """A class or function of some module; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Object:
    """What would be kind(*args), with its state set and its items (of a dictionary) or elements (of a list) added."""

    kind: Name
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] | None = None
    elements: list[Any] | None = None


class _Mark:
    """The bottom of a group on the stack."""


_MARK = _Mark()
_SIMPLE = (str, bytes, float, type(None), Name, Object)
_DAMAGE = (IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error, OverflowError)
_LONGEST_LINE = 1 << 10
_LONGEST_NUMBER = 1 << 10
_LONGEST_KEY = 64  # elements of a tuple; a phrase of gensim's has two, and the connector words between them

# Operations of a pickle that expands from a smaller file: one byte may make a dictionary of 64. Models have at most 3 for each
# byte that they take compressed.
_FREE_STEPS = 1 << 20
_STEPS = 8


def read(data: memoryview, name: str, allowed: Callable[[Name], bool], size: int | None = None) -> Any:
    """The value a pickle (protocol 2 to 5) describes: numbers, text, bytes, tuples, lists, dicts, Names, Objects.

    `size`: bytes that the file takes, where it is compressed: what it may expand to is bounded by them.
    Text of Python 2 is taken as latin1, as gensim does. Raises FormatError for names that are not allowed, for opcodes
    gensim's files have no use for, and for anything damaged.
    """
    try:
        return _Machine(data, allowed).run(len(data) if size is None else _FREE_STEPS + _STEPS * size)
    except FormatError as error:
        raise FormatError(f"{name}: {error}", error.hint) from None
    except _DAMAGE as error:
        # The stack runs empty, a memo is missing, text is not UTF-8, lists meet tuples: signs of a damaged file.
        raise FormatError(f"{name}: not a valid pickle ({error or type(error).__name__})", "the file is damaged") from None


def is_key(value: Any) -> bool:
    """Whether a value may be the key of a dictionary: text, bytes, a number, an Object, or a tuple of these but numbers.

    The others can be chosen so that all have one hash, which makes a dictionary of 100,000 of them take minutes: whole
    numbers beyond 64 bits, tuples of numbers. And tuples in tuples, deep enough, exhaust the stack when hashed; long ones are
    hashed anew by every dictionary they are put into, of which a file may make one from three bytes.
    """
    if isinstance(value, tuple):
        return len(value) <= _LONGEST_KEY and all(isinstance(part, (str, bytes, Name, Object)) for part in value)
    return -(1 << 63) <= value < 1 << 63 if isinstance(value, int) else isinstance(value, _SIMPLE)


class _Machine:
    """The pickle machine: a stack, a memo, and one method for each opcode."""

    def __init__(self, data: memoryview, allowed: Callable[[Name], bool]) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._allowed = allowed

    def run(self, steps: int) -> Any:
        data, stack, codes = self._data, self._stack, _OPCODES
        for _ in range(steps):
            code = data[self._at]
            self._at += 1
            if code == _STOP:
                return stack.pop()
            if code not in codes:
                raise FormatError(f"opcode {bytes([code])!r} at byte {self._at - 1} is not read", "no gensim model needs it")
            codes[code](self, stack)
        raise FormatError("it expands to far more than it takes, as no model does", "decompress it first, if you trust it")

    # ---- bytes

    def _take(self, n: int) -> memoryview:
        if n < 0 or n > len(self._data) - self._at:
            raise ValueError("it ends too early")
        self._at += n
        return self._data[self._at - n : self._at]

    def _number(self, layout: struct.Struct) -> Any:
        return layout.unpack(self._take(layout.size))[0]

    def _line(self) -> bytes:
        window = self._data[self._at : self._at + _LONGEST_LINE].tobytes()
        line, end, _ = window.partition(b"\n")
        if not end:
            raise ValueError("a line does not end")
        self._at += len(line) + 1
        return line

    # ---- groups and objects

    def _group(self) -> list[Any]:
        """What lies above the last mark, which goes."""
        stack = self._stack
        at = len(stack) - 1
        while stack[at] is not _MARK:  # IndexError below the bottom: stack[-1 - len] is none
            at -= 1
            if at < 0:
                raise ValueError("a mark is missing")
        group = stack[at + 1 :]
        del stack[at:]
        return group

    def _name(self, module: Any, name: Any) -> Name:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name is no text")
        found = Name(module, name)
        if not self._allowed(found):
            message = f"it refers to {str(found)[:100]!r}, which has no place in a model; nothing was run"
            raise FormatError(message, "a file of an untrusted origin may be an attack")
        return found

    def _object(self, kind: Any, args: Any) -> Object:
        if not isinstance(kind, Name) or not isinstance(args, tuple):
            raise ValueError("an object without a class")
        return Object(kind, args)

    def _set_items(self, target: Any, pairs: list[Any]) -> None:
        items = target
        if isinstance(target, Object):
            items = target.items = {} if target.items is None else target.items
        if not isinstance(items, dict) or len(pairs) % 2:
            raise ValueError("items for no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not is_key(key):
                raise ValueError("the key of a dictionary is no text or number")
            items[key] = value

    def _append(self, target: Any, values: list[Any]) -> None:
        elements = target
        if isinstance(target, Object):
            elements = target.elements = [] if target.elements is None else target.elements
        if not isinstance(elements, list):
            raise ValueError("elements for no list")
        elements.extend(values)

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, Object):
            raise ValueError("state for no object")
        target.state = state

    def _memoize(self, key: int) -> None:
        self._memo[key] = self._stack[-1]

    def _integer(self, size: int) -> int:
        if size > _LONGEST_NUMBER:
            raise ValueError("a number is too long")
        return int.from_bytes(self._take(size), "little", signed=True)

    def _decimal(self) -> Any:
        line = self._line().rstrip(b"L")
        return line == b"01" if line in (b"00", b"01") else int(line)


_STOP = ord(".")
_U1, _U2, _I4, _U4, _U8, _F8 = (struct.Struct(code) for code in ("<B", "<H", "<i", "<I", "<Q", ">d"))

_Operation = Callable[[_Machine, list[Any]], Any]


def _text(length: struct.Struct, encoding: str = "utf-8") -> _Operation:
    return lambda m, s: s.append(
        str(m._take(m._number(length)), encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    )


def _bytes(length: struct.Struct) -> _Operation:
    return lambda m, s: s.append(m._take(m._number(length)).tobytes())


def _constant(value: Any) -> _Operation:
    return lambda m, s: s.append(value)


def _tuple(n: int) -> _Operation:
    def operation(m: _Machine, s: list[Any]) -> None:
        if len(s) < n:
            raise IndexError("the stack is empty")
        s[-n:] = [tuple(s[-n:])]

    return operation


def _pair(m: _Machine, s: list[Any]) -> tuple[Any, Any]:
    second = s.pop()
    return s.pop(), second


def _item(m: _Machine, s: list[Any]) -> None:
    key, value = _pair(m, s)
    m._set_items(s[-1], [key, value])


def _reduce(m: _Machine, s: list[Any]) -> None:
    s.append(m._object(*_pair(m, s)))


def _grouped(use: Callable[[_Machine, list[Any], list[Any]], Any]) -> _Operation:
    return lambda m, s: use(m, s, m._group())


_NAMED: dict[bytes, _Operation] = {
    b"\x80": lambda m, s: m._take(1),  # PROTO
    b"\x95": lambda m, s: m._take(8),  # FRAME
    b"(": _constant(_MARK),
    b"0": lambda m, s: s.pop(),
    b"1": lambda m, s: m._group(),  # POP_MARK
    b"2": lambda m, s: s.append(s[-1]),
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"J": lambda m, s: s.append(m._number(_I4)),
    b"K": lambda m, s: s.append(m._number(_U1)),
    b"M": lambda m, s: s.append(m._number(_U2)),
    b"I": lambda m, s: s.append(m._decimal()),
    b"L": lambda m, s: s.append(m._decimal()),
    b"\x8a": lambda m, s: s.append(m._integer(m._number(_U1))),
    b"\x8b": lambda m, s: s.append(m._integer(m._number(_I4))),
    b"G": lambda m, s: s.append(m._number(_F8)),
    b"X": _text(_U4),
    b"\x8c": _text(_U1),
    b"\x8d": _text(_U8),
    b"T": _text(_I4, "latin-1"),
    b"U": _text(_U1, "latin-1"),
    b"B": _bytes(_U4),
    b"C": _bytes(_U1),
    b"\x8e": _bytes(_U8),
    b"\x96": _bytes(_U8),  # BYTEARRAY8
    b")": _constant(()),
    b"t": _grouped(lambda m, s, group: s.append(tuple(group))),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"]": lambda m, s: s.append([]),
    b"l": _grouped(lambda m, s, group: s.append(group)),
    b"a": lambda m, s: m._append(s[-2], [s.pop()]),
    b"e": _grouped(lambda m, s, group: m._append(s[-1], group)),
    b"}": lambda m, s: s.append({}),
    b"s": _item,
    b"u": _grouped(lambda m, s, group: m._set_items(s[-1], group)),
    b"\x8f": lambda m, s: s.append([]),  # EMPTY_SET
    b"\x90": _grouped(lambda m, s, group: m._append(s[-1], group)),  # ADDITEMS
    b"\x91": _grouped(lambda m, s, group: s.append(group)),  # FROZENSET
    b"q": lambda m, s: m._memoize(m._number(_U1)),
    b"r": lambda m, s: m._memoize(m._number(_U4)),
    b"\x94": lambda m, s: m._memoize(len(m._memo)),
    b"h": lambda m, s: s.append(m._memo[m._number(_U1)]),
    b"j": lambda m, s: s.append(m._memo[m._number(_U4)]),
    b"c": lambda m, s: s.append(m._name(m._line().decode(), m._line().decode())),
    b"\x93": lambda m, s: s.append(m._name(*_pair(m, s))),
    b"R": _reduce,
    b"\x81": _reduce,  # NEWOBJ: the class and its arguments
    b"b": lambda m, s: m._build(),
}
_OPCODES = {code[0]: operation for code, operation in _NAMED.items()}
