"""Where a GPU and numba's simulator differ: how functions are compiled, and how memory is read, written and added to.

Owns every function that exists twice. The simulator knows no 16-byte accesses and no cache hints; its versions say in plain
Python what the others do. Nothing here waits for other threads: barriers are in kernels.py.

Device functions are inlined by numba (`inline="always"`): numba cannot compile a call between them to PTX without a GPU. There
is no disk cache: numba would not notice a change in an inlined function, and a kernel compiles in seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import cuda

from .. import M_MAX
from . import BLOCKS, THREADS

SIMULATED = bool(numba.config.ENABLE_CUDASIM)
WITHOUT_ASKING = 48 * 1024  # bytes of shared memory that any block may have


if SIMULATED:
    LOCK = threading.Lock()

    def kernel(function: Callable[..., Any]) -> Any:
        """A function that the host launches."""
        return cuda.jit(function)

    def prepare(launched: Any, arguments: tuple[Any, ...], shared: int) -> None:
        """Compile a kernel for these arguments and `shared` bytes of shared memory, so that its first launch takes no time."""

    def device(function: Callable[..., Any]) -> Any:
        """A function that kernels call."""
        return function

    def get(array: Any, index: int) -> Any:
        """array[index], of one dimension; the index is not negative."""
        return array[index]

    def put(array: Any, index: int, value: Any) -> None:
        """array[index] = value, of one dimension; the index is not negative."""
        array[index] = value

    def load4(w: Any, at: int) -> Any:
        """The four floats from offset `at`, a multiple of 4, of a matrix in global memory."""
        row, column = at // w.shape[1], at % w.shape[1]
        return w[row, column], w[row, column + 1], w[row, column + 2], w[row, column + 3]

    def add(w: Any, at: int, value: Any) -> None:
        """Add to the float at offset `at` of a matrix; no other addition to it is lost."""
        with LOCK:
            w[at // w.shape[1], at % w.shape[1]] += value

    def fetch4(pool: Any, at: int) -> Any:
        """Four floats of shared memory from `at`, a multiple of 4."""
        return pool[at], pool[at + 1], pool[at + 2], pool[at + 3]

    def store4(pool: Any, at: int, a: Any, b: Any, c: Any, d: Any) -> None:
        """The reverse of fetch4."""
        pool[at], pool[at + 1], pool[at + 2], pool[at + 3] = a, b, c, d

    def registers() -> Any:
        """M_MAX floats of a thread's own."""
        return np.empty(M_MAX, np.float32)

    def wrapping(number: Any) -> Any:
        """`number`, whose arithmetic may run over 64 bits: numpy warns of that where a GPU does not."""
        return np.asarray(number)

else:
    from llvmlite import ir
    from numba import types
    from numba.cuda.extending import intrinsic

    F32 = ir.FloatType()
    QUAD = ir.LiteralStructType([F32] * 4)
    VECTOR = ir.VectorType(F32, 4)

    # No fast math: NaN and infinity must survive, so that a diverging run can be seen. The bounds share out registers. No
    # optimisation while linking: what runs is the PTX that the tests look at.
    def kernel(function: Callable[..., Any]) -> Any:
        """A function that the host launches."""
        return cuda.jit(function, launch_bounds=(THREADS, BLOCKS), lto=False)

    def prepare(launched: Any, arguments: tuple[Any, ...], shared: int) -> None:
        """Compile a kernel for these arguments and `shared` bytes of shared memory, so that its first launch takes no time."""
        compiled = launched.compile(tuple(launched.typeof_pyval(a) for a in arguments))
        if shared > WITHOUT_ASKING:  # numba has no name for this; as its set_shared_memory_carveout does
            from numba.cuda.cudadrv.driver import binding, driver

            function = compiled._codelibrary.get_cufunc()
            wanted = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            driver.cuKernelSetAttribute(wanted, shared, function.handle, function.device.id)

    def device(function: Callable[..., Any]) -> Any:
        """A function that kernels call."""
        return cuda.jit(function, device=True, inline="always")

    def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
        return builder.gep(context.make_array(kind)(context, builder, array).data, [at])

    def _tuple(context: Any, builder: Any, kind: Any, parts: list[Any]) -> Any:
        return context.make_tuple(builder, kind, parts)

    # Python's negative indices cost a comparison, an addition and a choice of 64 bits at every access: a third of a kernel.

    @intrinsic
    def get(typingctx, array, index):  # type: ignore[no-untyped-def]
        """array[index], of one dimension; the index is not negative."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.load(_pointer(context, builder, signature.args[0], *arguments))

        return array.dtype(array, types.int64), codegen

    @intrinsic
    def put(typingctx, array, index, value):  # type: ignore[no-untyped-def]
        """array[index] = value, of one dimension; the index is not negative."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            element = context.cast(builder, arguments[2], value, array.dtype)
            builder.store(element, _pointer(context, builder, signature.args[0], *arguments[:2]))
            return context.get_dummy_value()

        return types.void(array, types.int64, value), codegen

    # Matrices are read through the L2 cache (.cg), where atomic additions happen: an L1 cache knows nothing of what other
    # multiprocessors add, and would serve a frequent word's row as it was long ago.

    @intrinsic
    def load4(typingctx, w, at):  # type: ignore[no-untyped-def]
        """The four floats from offset `at`, a multiple of 4, of a matrix in global memory."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            pointer = _pointer(context, builder, signature.args[0], *arguments)
            kind, text = ir.FunctionType(QUAD, [pointer.type]), "ld.global.cg.v4.f32 {$0, $1, $2, $3}, [$4];"
            quad = builder.call(ir.InlineAsm(kind, text, "=f,=f,=f,=f,l,~{memory}", True), [pointer])
            return _tuple(context, builder, signature.return_type, [builder.extract_value(quad, k) for k in range(4)])

        return types.UniTuple(types.float32, 4)(w, types.int64), codegen

    @intrinsic
    def add(typingctx, w, at, value):  # type: ignore[no-untyped-def]
        """Add to the float at offset `at` of a matrix; no other addition to it is lost."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, F32])
            builder.call(ir.InlineAsm(kind, "red.global.add.f32 [$0], $1;", "l,f,~{memory}", True), [pointer, arguments[2]])
            return context.get_dummy_value()

        return types.void(w, types.int64, types.float32), codegen

    @intrinsic
    def fetch4(typingctx, pool, at):  # type: ignore[no-untyped-def]
        """Four floats of shared memory from `at`, a multiple of 4."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            pointer = _pointer(context, builder, signature.args[0], *arguments)
            vector = builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=16)
            parts = [builder.extract_element(vector, ir.Constant(ir.IntType(32), k)) for k in range(4)]
            return _tuple(context, builder, signature.return_type, parts)

        return types.UniTuple(types.float32, 4)(pool, types.int64), codegen

    @intrinsic
    def store4(typingctx, pool, at, a, b, c, d):  # type: ignore[no-untyped-def]
        """The reverse of fetch4."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
            vector = ir.Constant(VECTOR, ir.Undefined)
            for k, part in enumerate(arguments[2:]):
                vector = builder.insert_element(vector, part, ir.Constant(ir.IntType(32), k))
            builder.store(vector, builder.bitcast(pointer, VECTOR.as_pointer()), align=16)
            return context.get_dummy_value()

        f32 = types.float32
        return types.void(pool, types.int64, f32, f32, f32, f32), codegen

    @device
    def registers():
        """M_MAX floats of a thread's own; they stay in registers where every index is known to the compiler."""
        return cuda.local.array(M_MAX, numba.float32)

    @device
    def wrapping(number):
        """`number`, whose arithmetic may run over 64 bits: numpy warns of that where a GPU does not."""
        return number
