"""The second pass: provisional ids become vocabulary ids in place, unknown words go, chunks are cut. Owns the chunk
table.

A chunk is as many whole sentences as fit into `chunk_words` words, at least one. Words are only dropped here:
sentences were cut by their raw words, so nothing is split or joined anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels.jit import kernel
from ..vocab import Ints
from .renumber import Map, Renumbering
from .spill import BUFFER, IdStream

# state (7,) int64: ids written; where the open sentence begins; words in the open chunk; chunks begun in this call;
# sentences kept; sentences emptied; words kept
AT, SENTENCE, FILL, CUTS, SENTENCES, EMPTIED, TOKENS = range(7)
PRIME = np.uint64(0x9E3779B97F4A7C15)


@kernel
def compact(  # type: ignore[no-untyped-def]
    ids,  # IN (n,) int32: provisional ids and sentence ends
    out,  # OUT (n,) int32: vocabulary ids and sentence ends; may lie over ids, at the same place or before
    remap,  # IN (types,) int32: -1 for unknown
    chunk_words,  # int64
    state,  # INOUT (7,) int64
    starts,  # OUT (n // 2 + 1,) int64: where chunks begin in the stream
):
    """Returns how many ids are left, in out."""
    o, base, sentence, fill, cuts = 0, state[AT], state[SENTENCE], state[FILL], 0
    for i in range(ids.size):
        word = ids[i]
        if word >= 0:
            new = remap[word]
            out[o] = new
            o += new >= 0
            continue
        length = base + o - sentence
        if length == 0:
            state[EMPTIED] += 1
            continue
        if fill > 0 and fill + length > chunk_words:
            starts[cuts] = sentence
            cuts += 1
            fill = 0
        fill += length
        out[o] = -1
        o += 1
        sentence = base + o
        state[SENTENCES] += 1
        state[TOKENS] += length
    state[AT], state[SENTENCE], state[FILL], state[CUTS] = base + o, sentence, fill, cuts
    return o


@kernel
def fingerprint(ids, at, n):  # type: ignore[no-untyped-def]
    """A sum that every id and its position enter: equal streams have equal sums, whatever the blocks they came in."""
    total = np.uint64(0)
    for i in range(n):
        total += np.uint64(ids[i] + 2) * (np.uint64(at + i) * PRIME | np.uint64(1))
    return np.int64(total)


@dataclass
class Encoded:
    """What the second pass found; the ids are where they were."""

    starts: Ints
    sentences: int
    emptied: int
    tokens: int
    fingerprint: int


def second_pass(ids: IdStream, renumbering: Renumbering, remap: Map, chunk_words: int) -> Encoded:
    """Rewrite the stream; it is shorter afterwards, never longer."""
    state, total = np.zeros(7, np.int64), 0
    starts, found = np.empty(BUFFER // 2 + 1, np.int64), [np.zeros(1, np.int64)]
    for first, last, part_map in renumbering.maps(remap, ids.size):
        for start in range(first, last, BUFFER):
            block = ids.read(start, min(start + BUFFER, last))
            at = int(state[AT])
            out = block if ids.spilled else ids.read(at, at + len(block))  # in memory: a view of where they belong
            n = compact(block, out, part_map, chunk_words, state, starts)
            total += int(fingerprint(out, at, n))
            if ids.spilled:
                ids.write(at, out[:n])
            found.append(starts[: state[CUTS]].copy())
    size = int(state[AT])
    ids.truncate(size)
    if size:
        found.append(np.array([size]))
    sentences, emptied, tokens = (int(state[k]) for k in (SENTENCES, EMPTIED, TOKENS))
    return Encoded(np.concatenate(found), sentences, emptied, tokens, total & (1 << 64) - 1)
