"""An encoded corpus in a smaller vocabulary, without reading the text again. Owns no format."""

from __future__ import annotations

import dataclasses

from ..errors import CorpusError
from ..vocab import Vocab
from .encoder import CHUNK_WORDS, EncodedCorpus, _identity
from .renumber import Map, Renumbering
from .second_pass import second_pass


def restrict(corpus: EncodedCorpus, rows: Map, vocab: Vocab, chunk_words: int = CHUNK_WORDS) -> EncodedCorpus:
    """The sentences of `corpus`, which is used up, with word i as rows[i] of `vocab`, or left out where that is -1.

    The same as encoding the text with `vocab`: the same ids, chunks and identity. Nothing may be left: `n_tokens` is 0
    then.
    """
    ids, corpus._ids = corpus._ids, None
    if ids is None:
        raise CorpusError("the encoded corpus is closed")
    try:
        encoded = second_pass(ids, Renumbering(None), rows, chunk_words)
    except BaseException:
        ids.close()
        raise
    stats = dataclasses.replace(
        corpus.stats,
        vocabulary=len(vocab),
        tokens=encoded.tokens,
        sentences=encoded.sentences,
        emptied_sentences=corpus.stats.emptied_sentences + encoded.emptied,
    )
    return EncodedCorpus(ids, encoded.starts, stats, _identity(encoded, vocab))
