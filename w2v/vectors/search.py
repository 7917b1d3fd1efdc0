"""Cosines of many rows against one query or a block of them, and the k best. Owns the arithmetic; knows no words.

Nothing here copies or normalises the matrix: a dot product runs on the rows as they lie (padded, memory-mapped,
read-only), and the *scores* are divided by norms computed once. A row of zeros, or with a NaN or an infinity in it,
has no direction: its cosine is NaN and it is never among the best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Rows handled at a time where rows must be copied (other types, other strides): 16,384 x 300 float32 is 20 MB.
_BLOCK_ROWS = 16_384
# Rows whose scores are kept in cache while a block of queries is ranked, and queries in a block. 1,000 x 2,048 float32
# is 8 MB: the product there ran at 95% of the speed of one large sgemm, and the ranking passes read warm memory.
TILE_ROWS = 2_048
QUERY_ROWS = 1_024
# Below this a float32 sum of squares has lost digits to underflow; above the other it may have overflowed.
_SAFE_SQUARES = (1e-30, 1e37)


def row_norms(vectors: Floats) -> Floats:
    """Euclidean length of each row of `vectors` (V, D): (V,), float64 for float64 rows, else float32."""
    norms = np.empty(len(vectors), _working_type(vectors))
    with np.errstate(all="ignore"):
        for start in range(0, len(vectors), _BLOCK_ROWS):
            rows = vectors[start : start + _BLOCK_ROWS].astype(norms.dtype, copy=False)
            squares = np.einsum("ij,ij->i", rows, rows)
            unsafe = np.flatnonzero(~((squares > _SAFE_SQUARES[0]) & (squares < _SAFE_SQUARES[1])))
            block = norms[start : start + _BLOCK_ROWS]
            np.sqrt(squares, out=block)
            block[unsafe] = np.linalg.norm(rows[unsafe].astype(np.float64), axis=1)
    return norms


@dataclass(frozen=True)
class Directions:
    """Rows to search: `vectors` (V, D), their `norms` (V,), and `blank`, the sorted rows that have no direction.

    The norm of a blank row is NaN here, so that whatever is divided by it is NaN too.
    """

    vectors: Floats
    norms: Floats
    blank: Ids

    @classmethod
    def of(cls, vectors: Floats, norms: Floats) -> Directions:
        """All rows of `vectors` (V, D) of known `norms` (V,)."""
        blank = np.flatnonzero(~((norms > 0) & np.isfinite(norms)))
        if len(blank):
            norms = np.array(norms)
            norms[blank] = np.nan
        return cls(vectors, norms, blank)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dtype(self) -> np.dtype[np.floating[Any]]:
        """The type scores are computed in."""
        return _working_type(self.vectors)

    def span(self, start: int, stop: int) -> Directions:
        """Rows start to stop, numbered from zero; views, not copies."""
        low, high = np.searchsorted(self.blank, (start, stop))
        return Directions(self.vectors[start:stop], self.norms[start:stop], self.blank[low:high] - start)

    def units(self, ids: Ids) -> Floats:
        """A copy of the rows `ids`, scaled to unit length: (len(ids), D); NaN where there is no direction."""
        rows = self.vectors[ids].astype(self.dtype, copy=False)  # taken by an array of ids: ours to change
        rows /= self.norms[ids, None]
        return rows

    def cosines(self, unit: Floats) -> Floats:
        """The cosine of every row with a `unit` vector (D,): (V,), NaN where there is none. One pass over the rows."""
        unit = np.asarray(unit, self.dtype)
        with np.errstate(all="ignore"):
            if _blas_reads(self.vectors):
                scores = self.vectors @ unit
            else:
                scores = np.empty(len(self), self.dtype)
                for start in range(0, len(self), _BLOCK_ROWS):
                    stop = start + _BLOCK_ROWS
                    np.matmul(self._rows(start, stop), unit, out=scores[start:stop])
            scores /= self.norms
        return scores

    def tiles(self, units: Floats, width: int = TILE_ROWS) -> Iterator[tuple[int, Floats]]:
        """Walk the rows in steps of `width`: (first row, cosines (n, rows) with the unit vectors `units` (n, D)).

        The tile is overwritten by the next step. Columns of rows without direction are NaN.
        """
        units = np.ascontiguousarray(units, self.dtype)
        buffer = np.empty((len(units), min(width, len(self))), self.dtype)
        for start in range(0, len(self), width):
            rows = self._rows(start, start + width)
            tile = buffer[:, : len(rows)]
            with np.errstate(all="ignore"):
                np.divide(np.matmul(units, rows.T, out=tile), self.norms[start : start + width], out=tile)
            yield start, tile

    def blanks(self, start: int, stop: int) -> Ids:
        """The rows without direction among start to stop, counted from start."""
        low, high = np.searchsorted(self.blank, (start, stop))
        return self.blank[low:high] - start

    def _rows(self, start: int, stop: int) -> Floats:
        rows = self.vectors[start:stop]
        return rows if _blas_reads(rows) else np.ascontiguousarray(rows, self.dtype)


def best_of(scores: Floats, k: int) -> Ids:
    """Indices of the k highest of `scores` (V,), best first, equals by index. NaN and -inf never count.

    The maxima of disjoint runs give a floor that at least k scores reach, so that only a few are sorted: about five
    times quicker than a partition of everything.
    """
    floor = _floors(scores[None, :], k)[0]
    candidates = np.flatnonzero(scores >= floor if floor > -np.inf else scores > -np.inf)
    return candidates[np.argsort(-scores[candidates], kind="stable")[:k]]


def best_of_each(rows: Directions, units: Floats, k: int, exclude: tuple[Ids, Ids] | None = None) -> tuple[Ids, Floats]:
    """The k rows of highest cosine for each unit vector of `units` (n, D), in bounded memory.

    `exclude` lists (query, row) pairs to leave out. Returns ids (n, k) and cosines (n, k), best first, equals by id;
    where fewer than k rows can be ranked the ids are -1 and the cosines NaN.
    """
    k = min(k, len(rows))
    ids = np.full((len(units), k), -1, np.int64)
    scores = np.full((len(units), k), np.nan, rows.dtype)
    # Few queries take wide tiles: less is said to BLAS for the same work. So do many results, for a tile's floors to
    # hold most of it back, and then the queries are split.
    width = max(TILE_ROWS, 16 * k, min(_BLOCK_ROWS, QUERY_ROWS * TILE_ROWS // max(1, len(units))))
    step = max(1, min(QUERY_ROWS, QUERY_ROWS * TILE_ROWS // width))
    for first in range(0, len(units), step) if k else ():
        part = slice(first, first + step)
        left_out = _Exclusions(exclude, first, first + step)
        best = _Best(len(units[part]), k, rows.dtype)
        for start, tile in rows.tiles(units[part], width):
            tile[:, rows.blanks(start, start + tile.shape[1])] = -np.inf
            left_out.strike(tile, start)
            best.offer(tile, start)
        best.write(ids[part], scores[part])
    return ids, scores


class _Exclusions:
    """The (query, row) pairs to leave out for queries first to stop, ready to be struck from one tile after another."""

    def __init__(self, pairs: tuple[Ids, Ids] | None, first: int, stop: int) -> None:
        queries, rows = pairs if pairs is not None else (np.empty(0, np.int64), np.empty(0, np.int64))
        ours = np.flatnonzero((queries >= first) & (queries < stop))
        ours = ours[np.argsort(rows[ours], kind="stable")]
        self._queries, self._rows = queries[ours] - first, rows[ours]

    def strike(self, tile: Floats, start: int) -> None:
        low, high = np.searchsorted(self._rows, (start, start + tile.shape[1]))
        tile[self._queries[low:high], self._rows[low:high] - start] = -np.inf


class _Best:
    """The k best (id, score) of each of n queries over a walk of tiles.

    What reaches the floor of its query, a value k scores have reached already, goes to a pool; now and then the pool
    is cut down to the best and the floors rise. The further the walk, the fewer rows pass their floor: most of a tile
    is done with after one maximum per query.
    """

    def __init__(self, n: int, k: int, dtype: np.dtype[np.floating[Any]]) -> None:
        self._k = k
        self._floors = np.full(n, np.finfo(dtype).min, dtype)  # above -inf, so that what is struck out never passes
        self._query, self._id, self._score = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, dtype)
        self._new: list[tuple[Ids, Ids, Floats]] = []
        self._waiting = 0

    def offer(self, tile: Floats, start: int) -> None:
        """Take in the scores (n, rows) of the rows from `start` on."""
        hit = np.flatnonzero(~(tile.max(axis=1) < self._floors))
        if not len(hit):
            return
        fresh = tile[hit]
        at = np.flatnonzero(fresh >= self._floors[hit, None])
        if len(at) > 4 * self._k * len(hit):  # the first tile, or scores that keep rising
            self._floors[hit] = np.maximum(self._floors[hit], _floors(fresh, self._k))
            at = np.flatnonzero(fresh >= self._floors[hit, None])
        line, column = np.divmod(at, fresh.shape[1])
        self._new.append((hit[line], column + start, fresh.ravel()[at]))
        self._waiting += len(at)
        if self._waiting > 4 * self._k * len(self._floors):
            self._settle()

    def write(self, ids: Ids, scores: Floats) -> None:
        """Put the results into `ids` OUT (n, k) and `scores` OUT (n, k); what is missing stays as it was."""
        rank = self._settle()
        ids[self._query, rank] = self._id
        scores[self._query, rank] = self._score

    def _settle(self) -> Ids:
        """Keep the k best of each query, in order, and return their ranks."""
        query, name, score = (
            np.concatenate(parts) for parts in zip((self._query, self._id, self._score), *self._new, strict=True)
        )
        order = np.lexsort((name, -score, query))
        query = query[order]
        rank = np.arange(len(order)) - np.searchsorted(query, query)
        kept = rank < self._k
        self._query, self._id, self._score = query[kept], name[order[kept]], score[order[kept]]
        self._new, self._waiting, rank = [], 0, rank[kept]
        last = rank == self._k - 1
        self._floors[self._query[last]] = self._score[last]
        return rank


def _floors(scores: Floats, k: int) -> Floats:
    """For each line of `scores` (n, V) a value that at least k of its entries reach; -inf if V is too small to tell."""
    width = min(1024, scores.shape[1] // (4 * max(k, 1)))
    if width < 2:
        return np.full(len(scores), -np.inf, scores.dtype)
    runs = scores.shape[1] // width
    maxima = np.fmax.reduce(scores[:, : runs * width].reshape(len(scores), runs, width), axis=2)
    maxima[np.isnan(maxima)] = -np.inf
    return np.partition(maxima, runs - k, axis=1)[:, runs - k]


def _working_type(vectors: Floats) -> np.dtype[np.floating[Any]]:
    return np.dtype(np.float64 if vectors.dtype == np.float64 else np.float32)


def _blas_reads(vectors: Floats) -> bool:
    """Whether BLAS takes these rows as they are. Anything else NumPy would copy whole, 1.2 GB for 1 M x 300."""
    size = vectors.itemsize
    return (
        vectors.dtype in (np.float32, np.float64)
        and vectors.dtype.isnative
        and vectors.flags.aligned
        and (vectors.strides[1] == size or vectors.shape[1] == 1)
        and (len(vectors) == 1 or (vectors.strides[0] % size == 0 and vectors.strides[0] >= size * vectors.shape[1]))
    )
