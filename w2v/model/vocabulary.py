"""From counts to a vocabulary, and from a vocabulary to matrices. Owns which words stay, in which order, and where
rows begin.

Method names, arguments and reports are gensim's. Two things it does not do right are done here: `sample=0` and
`min_count=0` count as given, and an update recomputes subsampling, noise and Huffman tree from the counts of all
corpora together, with the rows of inner nodes carried over to the new tree (nodes.py).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import sampling
from ..corpus.restrict import restrict
from ..errors import TrainingError
from ..huffman import build_tree
from ..kernels import aligned, padded
from ..vectors import KeyedVectors
from ..vocab import Vocab, effective_min_count, pack
from ..weights import check_memory, seed_rows
from .choice import Choice, fresh, merged, report
from .counts import Ints, RawVocab, Scan, TrimRule, kept_ids, scan, scan_bounded
from .matrices import seed_by_words, with_pads
from .nodes import DERIVED, Paths, carry_nodes
from .source import Source, spell
from .state import ModelState

logger = logging.getLogger("w2v.model")

Rows = NDArray[np.int32]

# Rough: the string, its places in list and dictionary, count and tables; about 17 nodes of 5 bytes on the path of a
# word.
_WORD_BYTES = 220
_PATH_BYTES = 110


class VocabularyMaker(ModelState):
    """The part of Word2Vec that makes vocabularies."""

    def build_vocab(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        update: bool = False,
        progress_per: int = 10_000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule = None,
        **kwargs: Any,
    ) -> None:
        """Count the words of a corpus, choose those to learn, and make their matrices.

        corpus_iterable: lists of words (see Word2Vec); or corpus_file: what corpus.encode takes as text.
        update: add new words to the vocabulary and to the counts; what was learnt is kept. New words are chosen by how
        often they occur in this corpus. progress_per: words between two lines in the log. keep_raw_vocab: leave
        `raw_vocab` as it is. trim_rule: (word, count, min_count) -> RULE_DISCARD, RULE_KEEP or RULE_DEFAULT. Others go
        to prepare_vocab(). Raises CorpusError for a corpus that cannot be read or is empty; TrainingError for an
        update of nothing.
        """
        self._check_update(update)
        source = Source(corpus_iterable, corpus_file)
        found = self._scan(source, progress_per, trim_rule)
        try:
            self.corpus_count, self.corpus_total_words = found.sentences, found.words
            figures, rows = self._prepare(update, keep_raw_vocab, trim_rule, **kwargs)
            figures["memory"] = self.estimate_memory(vocab_size=figures["num_retained_words"])
            self.prepare_weights(update=update)
            self._hand_over(source, found, rows)
        finally:
            if found.corpus is not None:
                found.corpus.close()
        self.add_lifecycle_event("build_vocab", update=update, trim_rule=str(trim_rule))

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[Any, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule = None,
        update: bool = False,
    ) -> None:
        """build_vocab() of a mapping from words to their counts. `corpus_count` is remembered as the number of
        sentences.
        """
        logger.info("%d words with %d occurrences are given", len(word_freq), sum(word_freq.values()))
        self.raw_vocab = word_freq
        self.corpus_count = 0 if corpus_count is None else corpus_count
        self._check_update(update)
        figures = self.prepare_vocab(keep_raw_vocab=keep_raw_vocab, trim_rule=trim_rule, update=update)
        figures["memory"] = self.estimate_memory(vocab_size=figures["num_retained_words"])
        self.prepare_weights(update=update)

    def scan_vocab(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        progress_per: int = 10_000,
        workers: int | None = None,
        trim_rule: TrimRule = None,
    ) -> tuple[int, int]:
        """Count the words of a corpus into `raw_vocab`; return how many words and sentences there were.

        trim_rule has a say where max_vocab_size makes counting forget rare words. workers: counting takes one thread.
        """
        if workers is not None:
            warnings.warn("workers: no effect, words are counted by one thread", UserWarning, stacklevel=2)
        found = self._scan(Source(corpus_iterable, corpus_file), progress_per, trim_rule)
        if found.corpus is not None:
            found.corpus.close()
        return found.words, found.sentences

    def _scan(self, source: Source, progress_per: int, rule: TrimRule) -> Scan:
        if self.max_vocab_size is not None:
            found = scan_bounded(source, self.max_vocab_size, rule, progress_per)
        else:
            found = scan(source, int(self.batch_words), not self.sorted_vocab, progress_per)
        self._raw, self._was_scanned = found.raw, True
        counted = (len(found.raw), found.words, found.sentences)
        logger.info("collected %d different words from a corpus of %d words and %d sentences", *counted)
        if found.corpus is not None:
            logger.info("%s", found.corpus.stats.summary())
        return found

    def _hand_over(self, source: Source, found: Scan, rows: Rows) -> None:
        """While __init__ runs, keep the encoded corpus for train(), in terms of the vocabulary just made."""
        if self._expecting and found.corpus is not None:
            self._handover = source.given, restrict(found.corpus, rows, self._vocab(), int(self.batch_words))

    def _vocab(self) -> Vocab:
        """The vocabulary as the encoder takes it: the words as strings, in the order of their rows."""
        return Vocab(*pack([spell(word) for word in self.wv.index_to_key]), self._counts)

    def _check_update(self, update: bool) -> None:
        if update and not len(self.wv.vectors):
            raise TrainingError(
                "You cannot do an online vocabulary-update of a model which has no prior vocabulary.",
                "build the vocabulary of a first corpus without update",
            )

    # ---- choosing words

    def prepare_vocab(
        self,
        update: bool = False,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule = None,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Choose the words of the last scan that occur at least `min_count` times (or as trim_rule says), and prepare
        subsampling at `sample`; both default to the model's. With `dry_run` nothing changes.

        Returns drop_unique and retain_total, downsample_unique and downsample_total (words thinned out, tokens that are
        left in the mean), num_retained_words. With `update`, they tell of the words of this scan.
        """
        return self._prepare(update, keep_raw_vocab, trim_rule, min_count, sample, dry_run)[0]

    def _prepare(
        self,
        update: bool,
        keep_raw_vocab: bool,
        rule: TrimRule,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> tuple[dict[str, Any], Rows]:
        """prepare_vocab(); also returns the row of each scanned word, -1 for those left out."""
        raw = self._raw
        if raw is None:
            raise TrainingError("there are no words to choose from", "call scan_vocab() first, or build_vocab()")
        self._check_update(update)
        min_count = self.min_count if min_count is None else min_count
        sample = self.sample if sample is None else sample
        least = effective_min_count(raw.counts, min_count, self.max_final_vocab)
        choice = self._choose(raw, kept_ids(raw, least, rule), update)
        keep = sampling.keep_thresholds(choice.counts, 0.0 if sample is None else sample)
        figures = report(raw, choice, keep)
        if not dry_run:
            self.min_count, self.sample, self.effective_min_count = min_count, sample, least
            self._enter(choice, keep, update)
            self._raw = raw if keep_raw_vocab else None
        self.add_lifecycle_event("prepare_vocab", update=update, dry_run=dry_run, effective_min_count=least, **figures)
        return figures, choice.rows

    def _choose(self, raw: RawVocab, kept: Ints, update: bool) -> Choice:
        if update:
            return merged(raw, kept, self.wv.index_to_key, self._counts, bool(self.null_word))
        return fresh(raw, kept, bool(self.sorted_vocab), bool(self.null_word))

    def _enter(self, choice: Choice, keep: NDArray[np.uint32], update: bool) -> None:
        """Make a choice the vocabulary of `wv`. Its lists and arrays are new: a model that shares the old ones keeps
        them.
        """
        wv = self.wv
        wv.index_to_key = choice.words
        wv.key_to_index = {word: row for row, word in enumerate(choice.words)}
        wv.next_index = len(choice.words)
        self._keys = wv.index_to_key
        wv.expandos = {n: values for n, values in wv.expandos.items() if update and n not in DERIVED}
        wv.allocate_vecattrs()
        wv.expandos["count"], wv.expandos["sample_int"] = choice.counts, keep
        self._counts = choice.counts.copy()
        if self.hs:
            self.create_binary_tree()
        if self.negative:
            self.make_cum_table()

    def add_null_word(self) -> None:
        r"""Add the pseudo-word "\0" to the vocabulary, with count 1; weights for it are made by update_weights()."""
        empty = RawVocab.of({})
        choice = merged(empty, empty.order, self.wv.index_to_key, self._counts, null_word=True)
        sample = 0.0 if self.sample is None else self.sample
        self._enter(choice, sampling.keep_thresholds(choice.counts, sample), update=True)

    def create_binary_tree(self) -> None:
        """Make the Huffman tree of the counts, and show each word's path as its attributes 'code' and 'point'."""
        tree = build_tree(self._counts)
        expandos: dict[str, Any] = self.wv.expandos
        expandos["code"], expandos["point"] = Paths(tree.codes, tree.offsets), Paths(tree.points, tree.offsets)
        depth = int(np.diff(tree.offsets).max(initial=0))
        logger.info("built huffman tree of %d words with maximum node depth %d", len(self._counts), depth)

    def make_cum_table(self, domain: int = 2**31 - 1) -> None:
        """Fill `cum_table`: entry i is the share of words 0..i in count ** ns_exponent, out of `domain`."""
        logs = np.log(np.maximum(self._counts, 1)) * self.ns_exponent
        shares = np.exp(logs - logs.max(initial=-np.inf))
        sums = np.cumsum(shares)
        self._cum_table = np.round(sums / (sums[-1] if len(sums) else 1.0) * domain).astype(np.uint32)

    # ---- matrices

    def prepare_weights(self, update: bool = False) -> None:
        """init_weights(), or with `update` update_weights()."""
        if update:
            self.update_weights()
        else:
            self.init_weights()

    def init_weights(self) -> None:
        """Start all rows anew: words small and random, output layers zero (as word2vec.c, InitNet). The vocabulary
        stays.
        """
        rows, shape = len(self.wv), (len(self.wv), padded(self.layer1_size))
        check_memory(rows, self.layer1_size, bool(self.negative) + bool(self.hs))
        self._in = aligned(shape)
        self._seed(0, rows)
        self._out = aligned(shape) if self.negative else None
        self._node = aligned(shape) if self.hs else None
        self._node_counts = self._counts
        self.wv.vectors = self._in[:, : self.vector_size]

    def update_weights(self) -> None:
        """Rows for the words that were added. Known words keep theirs; inner nodes are carried over to the new tree."""
        self._check_update(True)
        known, rows = len(self.wv.vectors), len(self.wv)
        grown = with_pads(self.wv.vectors, rows)
        self._in = grown
        self._seed(known, rows)
        self.wv.vectors = grown[:, : self.vector_size]
        if self.negative:
            self._out = with_pads(self.syn1neg, rows)
        if self.hs:
            old, new = build_tree(self._node_counts), build_tree(self._counts)
            nodes = aligned(grown.shape)
            carry_nodes(old, self.syn1, new, nodes)
            self._node, self._node_counts = nodes, self._counts
        lockf = np.atleast_1d(self.wv.vectors_lockf)
        if len(lockf) == known != rows and known > 1:  # a factor for each row: new ones are free
            self.wv.vectors_lockf = np.concatenate((lockf, np.ones(rows - known))).astype(np.float32)

    def _seed(self, first: int, stop: int) -> None:
        """First values of rows `first` to `stop`: by their numbers, or by their words where the user gave a hashfxn."""
        if self._in is None or first == stop:
            return
        if self.hashfxn is hash:
            seed_rows(self._in, first, self._config().replace(seed=self.seed))
        else:
            words = self.wv.index_to_key[first:stop]
            seed_by_words(self._in[first:stop, : self.vector_size], words, self.seed, self.hashfxn)

    def reset_from(self, other_model: VocabularyMaker) -> None:
        """Take over the vocabulary of another model, and start all weights anew. Counts and words are shared until one
        of the two changes its vocabulary.
        """
        theirs = other_model.wv
        self.wv = KeyedVectors(self.vector_size)
        self.wv.index_to_key, self.wv.key_to_index = theirs.index_to_key, theirs.key_to_index
        self.wv.next_index = len(theirs)
        self.wv.expandos = dict(theirs.expandos)
        self._keys, self._counts, self._cum_table = None, other_model._counts, other_model._cum_table
        self.corpus_count, self.corpus_total_words = other_model.corpus_count, other_model.corpus_total_words
        self.effective_min_count = other_model.effective_min_count
        if self.negative:
            self.make_cum_table()
        if self.hs:
            self.create_binary_tree()
        self.init_weights()

    def estimate_memory(self, vocab_size: int | None = None, report: dict[str, int] | None = None) -> dict[str, int]:
        """Bytes that the model takes with so many words (default: as it is): a dict with the parts, and their sum as
        'total'.

        `report`: other parts to add to the sum.
        """
        words = len(self.wv) if vocab_size is None else vocab_size
        matrix = words * padded(self.layer1_size) * 4
        parts = {} if report is None else report
        parts["vocab"] = words * (_WORD_BYTES + (_PATH_BYTES if self.hs else 0))
        parts["vectors"] = matrix
        if self.hs:
            parts["syn1"] = matrix
        if self.negative:
            parts["syn1neg"] = matrix
        parts["total"] = sum(size for name, size in parts.items() if name != "total")
        logger.info("%d words of %d numbers need about %d bytes", words, self.vector_size, parts["total"])
        return parts
