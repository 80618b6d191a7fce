"""Sets of users as words of 64 bits."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.binding import get_host_cpu_features  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matching.index.jit import kernel

WORD_BITS = 64
_TOGETHER = 16
"""Numbers of 32 bits that a register of 512 bits holds."""
Words = npt.NDArray[np.uint64]


def _popcount(_typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba reads the parameter from the signature

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), codegen


def _lowest_bit(_typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba reads the parameter from the signature

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


def _bytes_at_least(_typing_context: Any, column: Any, first: Any, least: Any) -> Any:  # noqa: ARG001 - as above

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        column = context.make_array(signature.args[0])(context, builder, arguments[0])
        vector = ir.VectorType(ir.IntType(8), WORD_BITS)
        place = builder.bitcast(builder.gep(column.data, [arguments[1]]), vector.as_pointer())
        bytes_ = builder.load(place)
        bytes_.align = 1
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), arguments[2], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WORD_BITS), [0] * WORD_BITS)
        bounds = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)
        return builder.bitcast(builder.icmp_unsigned(">=", bytes_, bounds), ir.IntType(WORD_BITS))

    return types.uint64(column, types.int64, types.uint8), codegen


def _prefetch(_typing_context: Any, table: Any, row: Any) -> Any:  # noqa: ARG001 - as above

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(table.strides, 0)
        bytes_ = builder.bitcast(table.data, ir.IntType(8).as_pointer())
        place = builder.gep(bytes_, [builder.mul(stride, arguments[1])])
        kind = ir.FunctionType(ir.VoidType(), [place.type, *[ir.IntType(32)] * 3])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")  # type: ignore[no-untyped-call]
        builder.call(fetch, [place, *(ir.Constant(ir.IntType(32), number) for number in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(table, types.int64), codegen


def _list_byte(_typing_context: Any, table: Any, byte: Any, base: Any, users: Any, end: Any) -> Any:  # noqa: ARG001

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        users = context.make_array(signature.args[3])(context, builder, arguments[3])
        places = ir.VectorType(ir.IntType(8), 8)
        row = builder.gep(table.data, [builder.mul(arguments[1], ir.Constant(ir.IntType(64), 8))])
        loaded = builder.load(builder.bitcast(row, places.as_pointer()))
        loaded.align = 1
        _store_numbers(builder, loaded, arguments[2], users, arguments[4])
        return context.get_dummy_value()

    return types.void(table, types.int64, types.int64, users, types.int64), codegen


def _list_word(_typing_context: Any, word: Any, base: Any, users: Any, end: Any) -> Any:  # noqa: ARG001 - as above

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, base, _, end = arguments
        users = context.make_array(signature.args[2])(context, builder, arguments[2])
        bytes_, flags = ir.VectorType(ir.IntType(8), WORD_BITS), ir.VectorType(ir.IntType(1), WORD_BITS)
        kind, nothing = ir.FunctionType(bytes_, [bytes_, flags, bytes_]), ir.Constant(bytes_, ir.Undefined)
        compress = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, kind, "llvm.experimental.vector.compress.v64i8"
        )
        places = ir.Constant(bytes_, list(range(WORD_BITS)))
        packed = builder.call(compress, [places, builder.bitcast(word, flags), nothing])

        def store(first: int) -> None:
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), _TOGETHER), list(range(first, first + _TOGETHER)))
            place = builder.add(end, ir.Constant(end.type, first))
            _store_numbers(builder, builder.shuffle_vector(packed, nothing, lanes), base, users, place)

        store(0)
        held = builder.ctpop(word)
        with builder.if_then(builder.icmp_unsigned(">", held, ir.Constant(held.type, _TOGETHER)), likely=False):
            for first in range(_TOGETHER, WORD_BITS, _TOGETHER):
                store(first)
        return builder.add(end, held)

    return types.int64(types.uint64, types.int64, users, types.int64), codegen


def _store_numbers(builder: Any, places: Any, base: Any, users: Any, end: Any) -> None:
    """Write base plus every one of a vector of bytes to ``users[end:]``."""
    width = places.type.count
    numbers, start = ir.VectorType(ir.IntType(32), width), ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(numbers, ir.Undefined), builder.trunc(base, ir.IntType(32)), start)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    bases = builder.shuffle_vector(one, ir.Constant(numbers, ir.Undefined), everywhere)
    target = builder.bitcast(builder.gep(users.data, [end]), numbers.as_pointer())
    stored = builder.store(builder.add(builder.zext(places, numbers), bases), target)
    stored.align = 4


popcount = cast("Callable[[Any], int]", intrinsic(_popcount))
"""The number of set bits of a uint64, as int64."""

lowest_bit = cast("Callable[[Any], int]", intrinsic(_lowest_bit))
"""The place of the lowest set bit of a uint64, as int64; 64 of zero."""

prefetch = cast("Callable[[Any, Any], None]", intrinsic(_prefetch))
"""Ask for row ``row`` of an array early, so that it is on its way from memory when it is needed."""

list_byte = cast("Callable[[Any, int, int, Any, int], None]", intrinsic(_list_byte))
"""``list_byte(PLACES, byte, base, users, end)``: write base plus the place of every set bit of a byte to uint32
``users[end:]``, and up to seven numbers of no meaning behind them."""

list_word = cast("Callable[[Any, int, Any, int], int]", intrinsic(_list_word))
"""``list_word(word, base, users, end)``: write base plus the place of every set bit of a uint64 to uint32
``users[end:]``, and numbers of no meaning behind them, 64 in all at most; returns the new end. Fast only where
COMPRESSES."""

COMPRESSES = bool(get_host_cpu_features().get("avx512vbmi2", False))
"""Whether this processor packs the places of a word's bits together in one instruction."""

bytes_at_least = cast("Callable[[Any, Any, Any], int]", intrinsic(_bytes_at_least))
"""Which of the 64 bytes ``column[first : first + 64]`` (uint8, within its bounds) are ``least`` or more, a bit each."""


PLACES = np.array(
    [([place for place in range(8) if byte >> place & 1] + [0] * 8)[:8] for byte in range(256)],
    np.uint8,
)
"""The places of the set bits of every byte, uint8 (256, 8)."""


@kernel
def count_bits(words: Words, length: int) -> int:
    """Set bits of the first ``length`` words."""
    total = 0
    for i in range(length):
        total += popcount(words[i])
    return total


@kernel
def slices_for(total: int) -> int:
    """How many slices, bits of a number each, hold numbers up to ``total``."""
    bits = np.int64(0)
    while (1 << bits) <= total:
        bits += 1
    return bits


def words_for(users: int) -> int:
    """Words that hold one bit for each user."""
    return (users + WORD_BITS - 1) // WORD_BITS


def pack_bits(flags: npt.NDArray[np.bool_]) -> Words:
    """One bit a flag, the lowest bit first; the bits beyond the last flag are zero."""
    padded = np.zeros(words_for(len(flags)) * 8, np.uint8)
    packed = np.packbits(flags, bitorder="little")
    padded[: len(packed)] = packed
    return padded.view(np.uint64)


def unpack_bits(words: Words, users: int) -> npt.NDArray[np.bool_]:
    """The first ``users`` bits as flags."""
    return np.unpackbits(words.view(np.uint8), count=users, bitorder="little").view(np.bool_)
