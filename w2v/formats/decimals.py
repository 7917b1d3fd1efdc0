# mypy: ignore-errors
# (numba gives these functions their types)
"""Rows of decimal numbers, compiled: for files so long that a compiler pays. Owns what an ordinary row is.

A number of at most 18 digits m and a power of ten e within 22 is m * 10**e or m / 10**-e in float64, rounded once, for m
below 2**53 and such powers are exact (Clinger 1990): what strtod and numpy make of it. Anything else is left to the caller.
"""

from __future__ import annotations

import numpy as np

from ..kernels.jit import exact_helper, exact_kernel

POWERS = np.array([float(10**k) for k in range(23)])  # those that float64 holds exactly
SPACE, LINE_END, RETURN, PLUS, MINUS, POINT, ZERO, SMALL_E = (ord(c) for c in " \n\r+-.0e")
MOST_DIGITS, EXACT = 18, 1 << 53


@exact_kernel
def ordinary_rows(
    data,  # IN (n,) uint8: whole lines, the last byte is a line end
    most,  # rows wanted
    rows,  # OUT (>= most, D) float32 | float64
    words,  # OUT (>= n,) uint8: words, a line end behind each
):
    """Read lines of a word, a space and D numbers, up to the first that is anything else.

    Returns the number of rows, the bytes they take in `data`, and those of their words.
    """
    at, written = 0, 0
    for n in range(most):
        if at >= data.size:
            return n, at, written
        stop = at
        while data[stop] != SPACE and data[stop] != LINE_END:
            stop += 1
        end = numbers(data, stop, rows[n])
        if end < 0:
            return n, at, written
        for k in range(at, stop):
            words[written] = data[k]
            written += 1
        words[written] = LINE_END
        written += 1
        at = end
    return most, at, written


@exact_helper
def numbers(data, at, row):
    """Read a space and a number for each element of the row, and the end of the line; returns where the next begins, or -1."""
    for d in range(row.size):
        if data[at] != SPACE:
            return -1
        while data[at] == SPACE:
            at += 1
        negative = data[at] == MINUS
        at += np.int64(negative or data[at] == PLUS)
        mantissa, start = np.int64(0), at
        mantissa, at = digits(data, at, mantissa)
        count, power = at - start, 0
        if data[at] == POINT:
            start = at + 1
            mantissa, at = digits(data, start, mantissa)
            power = start - at
            count -= power
        if count < 1 or count > MOST_DIGITS or mantissa >= EXACT:
            return -1
        if data[at] | 32 == SMALL_E:
            at += 1
            down = data[at] == MINUS
            at += np.int64(down or data[at] == PLUS)
            start = at
            exponent, at = digits(data, at, np.int64(0))
            if at == start or at - start > 3:
                return -1
            power += -exponent if down else exponent
        if power < -22 or power > 22:
            return -1
        value = mantissa * POWERS[power] if power >= 0 else mantissa / POWERS[-power]
        row[d] = -value if negative else value
    while data[at] == SPACE:
        at += 1
    at += np.int64(data[at] == RETURN)
    return at + 1 if data[at] == LINE_END else -1


@exact_helper
def digits(data, at, value):
    """Append decimal digits to a number, as many as there are (it may run over); returns it and the place behind them."""
    digit = np.int64(data[at]) - ZERO
    while 0 <= digit <= 9:
        value = value * 10 + digit
        at += 1
        digit = np.int64(data[at]) - ZERO
    return value, at
