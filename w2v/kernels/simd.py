"""An explicit float32 vector for numba: what the micro-kernels of tiles.py are written in.

Owns the vector width, arithmetic on LLVM vectors (`Vec`), memory access and the transposing sum. Knows nothing of word
vectors. Explicit vectors, because LLVM's loop vectoriser neither keeps a tile of accumulators in registers nor uses 512-bit
registers unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils

F32, I32, I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def _cpu_features() -> dict[str, bool]:
    """The features numba compiles for: NUMBA_CPU_FEATURES where set, else the host's."""
    if numba.config.CPU_FEATURES:
        return {f[1:]: f[0] == "+" for f in numba.config.CPU_FEATURES.split(",")}
    if numba.config.CPU_NAME == "generic":
        return {}
    return dict(llvm.get_host_cpu_features())


def _choose_lanes(features: dict[str, bool]) -> int:
    """Floats in one register: 16 with AVX-512, 8 with AVX2, else 4 (SSE, NEON)."""
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx2") and features.get("fma") else 4


LANES = _choose_lanes(_cpu_features())
REGISTERS = 32 if LANES == 16 or "aarch64" in llvm.get_default_triple() or "arm64" in llvm.get_default_triple() else 16
_VEC = ir.VectorType(F32, LANES)
_IVEC = ir.VectorType(I32, LANES)


def whole(size: int) -> int:
    """`size` floats, rounded up to whole vectors."""
    return -(-size // LANES) * LANES


class Vec:
    """LANES float32 values inside the function being built; `+ - * /` emit the instructions."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder, self.value = builder, value

    def _binary(self, other: Vec | float, emit: Callable[..., ir.Value]) -> Vec:
        return Vec(self.builder, emit(self.value, self.like(other).value))

    def like(self, other: Vec | float) -> Vec:
        """`other` itself, or a number in every lane."""
        return other if isinstance(other, Vec) else constant(self.builder, float(other))

    def __add__(self, other: Vec | float) -> Vec:
        return self._binary(other, self.builder.fadd)

    def __sub__(self, other: Vec | float) -> Vec:
        return self._binary(other, self.builder.fsub)

    def __mul__(self, other: Vec | float) -> Vec:
        return self._binary(other, self.builder.fmul)

    def __truediv__(self, other: Vec | float) -> Vec:
        return self._binary(other, self.builder.fdiv)

    def _intrinsic(self, name: str, *others: Vec) -> Vec:
        kind = ir.FunctionType(_VEC, [_VEC] * (1 + len(others)))
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return Vec(self.builder, self.builder.call(function, [self.value, *(o.value for o in others)]))

    def fma(self, factor: Vec | float, addend: Vec | float) -> Vec:
        """Return self * factor + addend, rounded once."""
        return self._intrinsic("fma", self.like(factor), self.like(addend))

    def abs(self) -> Vec:
        """Absolute value of every lane."""
        return self._intrinsic("fabs")

    def max(self, other: Vec | float) -> Vec:
        """The larger of two, lane by lane."""
        other = self.like(other)
        return self.greater(other).select(self, other)

    def greater(self, other: Vec | float) -> Mask:
        """Lanes where self > other."""
        return Mask(self.builder, self.builder.fcmp_ordered(">", self.value, self.like(other).value))

    def round(self) -> Vec:
        """The nearest whole number in every lane."""
        return self._intrinsic("rint")

    def times_power_of_2(self, whole: Vec) -> Vec:
        """Return self * 2**whole: the whole numbers are added to the exponent bits."""
        b = self.builder
        shifted = b.shl(b.fptosi(whole.value, _IVEC), ir.Constant(_IVEC, [23] * LANES))
        return Vec(b, b.bitcast(b.add(b.bitcast(self.value, _IVEC), shifted), _VEC))

    def insert(self, scalar: ir.Value, lane: int) -> Vec:
        """The same but for one lane."""
        return Vec(self.builder, self.builder.insert_element(self.value, scalar, I32(lane)))

    def shuffle(self, other: Vec, lanes: Sequence[int]) -> Vec:
        """Pick lanes from self (0..) and other (LANES..)."""
        picks = ir.Constant(ir.VectorType(I32, LANES), list(lanes))
        return Vec(self.builder, self.builder.shuffle_vector(self.value, other.value, picks))


class Mask:
    """One truth value a lane."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder, self.value = builder, value

    def select(self, yes: Vec | float, no: Vec | float) -> Vec:
        """`yes` where true, `no` elsewhere."""
        of = yes if isinstance(yes, Vec) else no
        if not isinstance(of, Vec):
            of = constant(self.builder, 0.0)
        return Vec(self.builder, self.builder.select(self.value, of.like(yes).value, of.like(no).value))


def constant(builder: ir.IRBuilder, *values: float) -> Vec:
    """A vector constant: one number for all lanes, or one each."""
    lanes = list(values) if len(values) == LANES else [values[0]] * LANES
    return Vec(builder, ir.Constant(_VEC, lanes))


def splat(builder: ir.IRBuilder, scalar: ir.Value) -> Vec:
    """A scalar float32 in every lane."""
    undefined = ir.Constant(_VEC, ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    zeros = ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    return Vec(builder, builder.shuffle_vector(first, undefined, zeros))


def phi(builder: ir.IRBuilder, start: Vec, source: ir.Block) -> Vec:
    """A vector carried round a loop; `start` comes in from `source`."""
    node = builder.phi(_VEC)
    node.add_incoming(start.value, source)
    return Vec(builder, node)


def load(builder: ir.IRBuilder, pointer: ir.Value, offset: ir.Value) -> Vec:
    """LANES floats from pointer + offset (in floats)."""
    where = builder.bitcast(builder.gep(pointer, [offset]), _VEC.as_pointer())
    value = builder.load(where)
    value.align = 4
    return Vec(builder, value)


def load_two(builder: ir.IRBuilder, pointer: ir.Value, low: ir.Value, high: ir.Value) -> Vec:
    """LANES / 2 floats from pointer + low, then as many from pointer + high."""
    half = ir.VectorType(F32, LANES // 2)
    parts = []
    for offset in (low, high):
        parts.append(builder.load(builder.bitcast(builder.gep(pointer, [offset]), half.as_pointer())))
        parts[-1].align = 4
    lanes = ir.Constant(ir.VectorType(I32, LANES), list(range(LANES)))
    return Vec(builder, builder.shuffle_vector(*parts, lanes))


def load_signs(builder: ir.IRBuilder, pointer: ir.Value, offset: ir.Value, places: Sequence[int | None]) -> Vec:
    """Bits as signs: lane i is +1 where the byte at pointer + offset + places[i] is 0, -1 where it is 1; 0 for no place.

    Reads nothing behind the last of these places.
    """
    count = 1 + max(place for place in places if place is not None)
    where = builder.gep(pointer, [offset])
    if count == 1:  # LLVM would put the vector together byte by byte, and run out of registers over it
        minus = builder.icmp_unsigned("!=", builder.load(where), ir.IntType(8)(0))
        signs = [constant(builder, *(sign * (place is not None) for place in places)) for sign in (-1.0, 1.0)]
        return Vec(builder, builder.select(minus, signs[0].value, signs[1].value))
    kind = ir.VectorType(ir.IntType(8), count)
    raw = builder.load(builder.bitcast(where, kind.as_pointer()))
    raw.align = 1
    wide, none = ir.VectorType(ir.IntType(8), LANES), ir.Constant(kind, [0] * count)
    picks = ir.Constant(ir.VectorType(I32, LANES), [count if place is None else place for place in places])
    bits = builder.shuffle_vector(raw, none, picks)
    ones = ir.Constant(wide, [int(place is not None) for place in places])
    return Vec(builder, builder.sitofp(builder.sub(ones, builder.add(bits, bits)), _VEC))


def store(builder: ir.IRBuilder, vec: Vec, pointer: ir.Value, offset: ir.Value) -> None:
    """LANES floats to pointer + offset (in floats)."""
    where = builder.bitcast(builder.gep(pointer, [offset]), _VEC.as_pointer())
    builder.store(vec.value, where).align = 4


def prefetch(builder: ir.IRBuilder, pointer: ir.Value, offset: ir.Value, *, write: bool) -> None:
    """Ask for the cache line at pointer + offset (in items) to come into L2: L1 is full of the rows at work.

    With AVX-512 to be read, even what will be written to: asked for as one's own (prefetchw) a line comes into L1, and the
    kernels take 1.04 to 1.18 times as long with one thread, up to 1.12 with two (a Zen 4; median of 6 to 12 workers, D=100 and
    300). On a Zen 3, with AVX2, they take as long with one thread, and with two .96 to .99 of the time.
    """
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    where = builder.bitcast(builder.gep(pointer, [offset]), byte)
    builder.call(function, [where, I32(int(write and LANES < 16)), I32(2), I32(1)])  # as one's own or not; into L2; data


def loop(builder: ir.IRBuilder, count: ir.Value, carried: Sequence[Vec], body: Callable[..., Sequence[Vec]]) -> list[Vec]:
    """Emit: for i in range(count): carried = body(i, carried). Returns the last carried vectors."""
    entry = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "loop", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(I64)
    index.add_incoming(I64(0), entry)
    nodes = [phi(builder, v, entry) for v in carried]
    builder.cbranch(builder.icmp_signed("<", index, count), inside, after)
    builder.position_at_end(inside)
    results = list(body(index, nodes))
    index.add_incoming(builder.add(index, I64(1)), builder.block)
    for node, result in zip(nodes, results, strict=True):
        node.value.add_incoming(result.value, builder.block)
    builder.branch(head).set_metadata("llvm.loop", _as_written(builder.module))
    builder.position_at_end(after)
    return nodes


def _as_written(module: ir.Module) -> ir.MDValue:
    """What tells LLVM not to unroll a loop: another loop for what is left over, and its set-up, cost more than was saved."""
    option = module.add_metadata(["llvm.loop.unroll.disable"])
    node = module.add_metadata([option])
    node.operands = (node, option)  # it must begin with itself
    return node


def places(builder: ir.IRBuilder, first: ir.Value, count: int) -> list[ir.Value]:
    """Where `count` vectors from number `first` of a row on begin, in floats: one register, and constants."""
    start = builder.mul(first, I64(LANES))
    return [builder.add(start, I64(i * LANES)) for i in range(count)]


def sweep(
    builder: ir.IRBuilder, size: ir.Value, step: int, carried: Sequence[Vec], body: Callable[..., Sequence[Vec]]
) -> list[Vec]:
    """Emit carried = body(offsets, carried) along a row of `size` floats: for `step` vectors at once, then for single ones."""
    vectors = builder.sdiv(size, I64(LANES))
    turns = builder.sdiv(vectors, I64(step))

    state = loop(builder, turns, carried, lambda k, old: body(places(builder, builder.mul(k, I64(step)), step), old))
    if step == 1:
        return state
    done = builder.mul(turns, I64(step))
    return loop(builder, builder.sub(vectors, done), state, lambda k, old: body(places(builder, builder.add(done, k), 1), old))


def transposed_sums(vectors: Sequence[Vec | None]) -> Vec:
    """One vector whose lane i is the sum of all lanes of vectors[i]; LANES of them, None for a lane of no interest.

    Folding two vectors into one costs two shuffles and an addition, and a tree of at most LANES - 1 folds replaces LANES
    separate sums of log2(LANES) shuffles each. All shuffles are of the cheap kind: within 128-bit blocks, then of whole blocks.
    """
    items = list(vectors)
    for low, high in _fold_lanes():
        items = [_fold(items[i], items[i + 1], low, high) for i in range(0, len(items), 2)]
    if items[0] is None:
        raise ValueError("nothing to sum")
    return items[0]


def _fold_lanes() -> list[tuple[list[int], list[int]]]:
    """The two shuffles of each level of folds over (a, b): a's lanes are numbered from 0, b's from LANES."""
    blocks = range(0, LANES, 4)
    interleave = [k + j + source for k in blocks for j in (0, 1) for source in (0, LANES)]
    pair = [k + j + source for k in blocks for source in (0, LANES) for j in (0, 1)]
    levels = [(interleave, [i + 2 for i in interleave]), (pair, [i + 2 for i in pair])]
    width = LANES
    while width > 4:  # every accumulator quad has `width` lanes left: its lower half meets its upper half
        half = width // 2
        low = [source + k + j for source in (0, LANES) for k in range(0, LANES, width) for j in range(half)]
        levels.append((low, [i + half for i in low]))
        width = half
    return levels


def _fold(a: Vec | None, b: Vec | None, low: list[int], high: list[int]) -> Vec | None:
    left, right = (a or b), (b or a)
    if left is None or right is None:
        return None
    return left.shuffle(right, low) + left.shuffle(right, high)
