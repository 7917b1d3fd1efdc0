"""Word2Vec: the class that gensim's users know. Owns its constructor, its questions and its files; training is
inherited.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..config import CbowGradient, Saturation, TrainConfig
from ..errors import CorpusTypeError, TrainingError
from ..huffman import build_tree
from ..vectors import KeyedVectors
from . import store
from .ask import Scorer, output_probabilities
from .callbacks import CallbackAny2Vec
from .counts import TrimRule
from .matrices import seed_by_words
from .source import Source
from .training import Trainer

if TYPE_CHECKING:
    class_only = classmethod
else:

    class class_only(classmethod):
        """A class method that instances do not have: model.load(path) would look as if it changed the model."""

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is not None:
                raise AttributeError("load() is called on the class: model = Word2Vec.load(path)")
            return super().__get__(None, owner)


logger = logging.getLogger("w2v.model")

Model = TypeVar("Model", bound="Word2Vec")


class Word2Vec(Trainer):
    r"""Word vectors learnt from text, with the interface of gensim 4.

    sentences        lists of words (strings, or whole numbers), any iterable of them, a generator too; or
    LineSentence, or
                     the path of a text. None: make an empty model, for build_vocab() and train()
    corpus_file      instead: what corpus.encode reads as text, one sentence a line: a path, compressed or not, a list,
    a directory vector_size      numbers per word alpha            first learning rate; None is .025, and .12 for CBOW
    with the divided gradient window           words on each side that are context min_count        words that occur
    less often are left out max_vocab_size   most words held while counting, see counts.scan_bounded; None: 40 million
    sample           subsampling of frequent words; 0: off; >= 1: a count (sampling.keep_thresholds) seed
    equal seeds give equal vectors, with one worker or a corpus below 160,000 words (training.WORDS_A_WORKER) workers
    threads min_alpha        last learning rate, reached linearly sg, hs           1: skip-gram, hierarchical softmax;
    0: CBOW, none negative         noise words per centre word; 0: no negative sampling ns_exponent      noise words
    are drawn by count ** ns_exponent cbow_mean        1: CBOW takes the mean of the context vectors, 0: their sum
    hashfxn          a function from a string to a whole number: words start from hashfxn(word + seed), alike in every
    model.
                     The default, `hash`, means: from the seed and their row (Python's own hash differs in every
                     process)
    epochs           how often the corpus is gone through
    null_word        1: add the pseudo-word "\0" to the vocabulary
    trim_rule        (word, count, min_count) -> RULE_DISCARD, RULE_KEEP or RULE_DEFAULT; not kept with the model
    sorted_vocab     1: rows by falling frequency, 0: in the order in which words were met
    batch_words      words handed to a worker at a time
    compute_loss     keep the loss, see get_latest_training_loss()
    callbacks        see CallbackAny2Vec
    comment          kept with the model, as JSON
    max_final_vocab  at most so many words: min_count is raised
    shrink_windows   draw each window from 1..window; False: always the whole window

    Beyond gensim: cbow_gradient ("shared", as in gensim, or "divided"), saturation ("clamp", "skip" as in gensim,
    "none"), noise_group (centre words that share noise and window; None: see training.FEW_WORDS), deterministic
    (equal vectors with any number of workers, for the speed of one): see config.py. device: "cpu", "cuda", or "auto" for a
    GPU if there is one and the corpus is not small.

    Raises CorpusError (a RuntimeError) for a corpus that is missing, empty, or leaves no word; its CorpusTypeError is
    also a TypeError; ConfigError (a ValueError) for unusable settings.

    >>> from w2v import Word2Vec
    >>> sentences = [["cat", "says", "meow"], ["dog", "says", "woof"]] * 20
    >>> model = Word2Vec(sentences, vector_size=16, min_count=1)
    >>> model.wv["cat"].shape, len(model.wv), model.corpus_count
    ((16,), 5, 40)
    """

    def __init__(
        self,
        sentences: Any = None,
        corpus_file: Any = None,
        vector_size: int = 100,
        alpha: float | None = None,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[[str], int] = hash,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule = None,
        sorted_vocab: int = 1,
        batch_words: int = 10_000,
        compute_loss: bool = False,
        callbacks: Iterable[CallbackAny2Vec] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        cbow_gradient: CbowGradient | str = CbowGradient.SHARED,
        saturation: Saturation | str = Saturation.CLAMP,
        noise_group: int | None = None,
        deterministic: bool = False,
        device: str = "auto",
    ) -> None:
        self.vector_size = self.layer1_size = int(vector_size)
        self.window, self.shrink_windows = int(window), bool(shrink_windows)
        self.sg, self.hs, self.negative = int(sg), int(hs), int(negative)
        self.ns_exponent, self.cbow_mean = ns_exponent, int(cbow_mean)
        rules: dict[str, Any] = {"cbow_gradient": cbow_gradient, "saturation": saturation}
        checked = TrainConfig(sg=bool(sg), cbow_mean=bool(cbow_mean), **rules)
        self.cbow_gradient, self.saturation = checked.cbow_gradient, checked.saturation
        self.noise_group, self.deterministic, self.device = noise_group, bool(deterministic), device
        self.alpha = checked.start_alpha if alpha is None else float(alpha)
        self.min_alpha, self.min_alpha_yet_reached = float(min_alpha), self.alpha
        self.epochs, self.workers, self.batch_words = epochs, int(workers), batch_words
        self.min_count = self.effective_min_count = min_count
        self.max_vocab_size, self.max_final_vocab, self.sample = max_vocab_size, max_final_vocab, sample
        self.sorted_vocab, self.null_word, self.hashfxn = sorted_vocab, null_word, hashfxn
        self.seed, self.random = seed, np.random.default_rng(seed)
        self.compute_loss, self.running_training_loss = bool(compute_loss), 0.0
        self.corpus_count, self.corpus_total_words = 0, 0
        self.train_count, self.total_train_time = 0, 0.0
        self.comment, self.lifecycle_events = comment, []
        self._counts = self._node_counts = np.zeros(0, np.int64)
        self._keys, self._cum_table, self._raw, self._was_scanned = None, None, None, False
        self.wv = KeyedVectors(self.vector_size)
        self._check_device()
        if sentences is not None or corpus_file is not None:
            self._learn(sentences, corpus_file, trim_rule, callbacks)
        elif trim_rule is not None or callbacks:
            logger.warning("trim_rule and callbacks are not kept by the model: give them to build_vocab() and train()")
        self.add_lifecycle_event("created", params=str(self))

    def _learn(self, sentences: Any, corpus_file: Any, trim_rule: TrimRule, callbacks: Iterable[CallbackAny2Vec]) -> None:
        """Vocabulary and training, of one reading of the corpus."""
        source = Source(sentences, corpus_file)
        if source.once and self.max_vocab_size is not None:
            hint = "give a list, or an object whose __iter__ starts anew"
            raise CorpusTypeError("Using a generator can't support two passes, which max_vocab_size needs", hint)
        self._expecting = True
        try:
            self.build_vocab(sentences, corpus_file, trim_rule=trim_rule)
            self.train(
                sentences,
                corpus_file,
                total_examples=self.corpus_count,
                total_words=self.corpus_total_words,
                epochs=self.epochs,
                start_alpha=self.alpha,
                end_alpha=self.min_alpha,
                compute_loss=self.compute_loss,
                callbacks=callbacks,
            )
        finally:
            self._expecting = False
            if self._handover is not None:
                self._handover[1].close()
                self._handover = None

    # ---- questions

    def predict_output_word(
        self, context_words_list: Sequence[str | int], topn: int | None = 10
    ) -> list[tuple[Any, np.float64]] | None:
        """The likeliest centre words of a context of words or rows, with their probabilities: the softmax of the
        output rows against the mean (or sum) of the context's vectors, for skip-gram too. None if no word of the
        context is known.

        topn: how many; None: all. Raises TrainingError (RuntimeError) without negative sampling or without output rows.

        >>> from w2v import Word2Vec
        >>> sentences = [["cat", "says", "meow"], ["dog", "says", "woof"]] * 50
        >>> model = Word2Vec(sentences, window=1, min_count=1, sample=0, epochs=30)
        >>> model.predict_output_word(["cat", "meow"], topn=1)[0][0]
        'says'
        """
        if not self.negative:
            hint = "hierarchical softmax has no output row for each word"
            raise TrainingError("predict_output_word needs a model trained with negative sampling (negative > 0)", hint)
        if self._out is None or len(self._out) != len(self.wv):
            raise TrainingError("Parameters required for predicting the output words not found.", "load the whole model")
        rows = [self.wv.get_index(word) for word in context_words_list if word in self.wv]
        if not rows:
            logger.warning("All the input context words are out-of-vocabulary for the current model.")
            return None
        shares = output_probabilities(self.wv.vectors, self.syn1neg, rows, bool(self.cbow_mean))
        best = np.argsort(-shares, kind="stable")[:topn]
        return [(self.wv.index_to_key[i], shares[i]) for i in best.tolist()]

    def score(
        self,
        sentences: Any,
        total_sentences: int = 1_000_000,
        chunksize: int = 100,
        queue_factor: int = 2,
        report_delay: float = 1.0,
    ) -> NDArray[np.float32]:
        """The log probability of each sentence (n,), for models with hierarchical softmax (Taddy 2015,
        arXiv:1504.07295).

        The sum over all centre words, with their whole windows, see ask.Scorer. Unknown words are left out; a sentence
        without context has 0. At most `total_sentences` are scored, with a warning where there are more. report_delay:
        seconds between two lines in the log. chunksize and queue_factor: there is no queue; other values are warned of.
        Raises TrainingError (RuntimeError) for a model without vocabulary or without hierarchical softmax.
        """
        if chunksize != 100 or queue_factor != 2:
            warnings.warn("chunksize, queue_factor: no effect, sentences are scored one by one", UserWarning, stacklevel=2)
        if not len(self.wv):
            raise TrainingError("you must first build vocabulary before scoring new data")
        if not self.hs:
            raise TrainingError("score needs a model trained with hierarchical softmax (hs=1)")
        if self._node is None or len(self._node) != len(self.wv):
            raise TrainingError("there is no syn1 to score with", "load the whole model")
        tree = build_tree(self._node_counts)
        scorer = Scorer(self.wv.vectors, self.syn1, tree, self.window, bool(self.sg), bool(self.cbow_mean))
        scores: list[float] = []
        next_report = time.perf_counter() + report_delay
        for sentence in Source(sentences, None).sentences():
            if len(scores) >= total_sentences:
                logger.warning("terminating after %d sentences (set higher total_sentences if you want more)", total_sentences)
                break
            known = [self.wv.key_to_index[word] for word in sentence if word in self.wv.key_to_index]
            scores.append(scorer.score(np.array(known, np.int64)))
            if time.perf_counter() >= next_report:
                next_report = time.perf_counter() + report_delay
                logger.info("PROGRESS: %d sentences scored", len(scores))
        return np.array(scores, np.float32)

    # ---- files

    def save(
        self,
        fname: store.Path,
        separately: Sequence[str] | None = None,
        sep_limit: int | None = None,
        ignore: Iterable[str] | None = None,
        pickle_protocol: int | None = None,
    ) -> None:
        """Write the whole model, ready to be trained on, as one native file (formats.native), whatever its size.

        The options are gensim's for its several pickles; they raise a UserWarning. Raises OSError, FormatError.
        """
        options = {
            "separately": separately,
            "sep_limit": sep_limit,
            "ignore": ignore,
            "pickle_protocol": pickle_protocol,
        }
        given = [name for name, value in options.items() if value is not None]
        if given:
            warnings.warn(f"{', '.join(given)}: no effect, everything is kept in one file", UserWarning, stacklevel=2)
        self.add_lifecycle_event("saving", fname=str(fname))
        store.save(self, fname)

    @class_only
    def load(cls: type[Model], fname: store.Path, mmap: str | None = None, rethrow: bool = False) -> Model:
        """Read a model that save() or `w2v train` wrote, or gensim's save() (see formats.gensim_import: nothing in it
        is run).

        mmap="r": map the vectors read-only, where they lie in a native file; training copies them. `rethrow` is
        gensim's, and changes nothing: errors always come through. Raises NotAModelError (an AttributeError) for a file
        of vectors only, FormatError, OSError.

        >>> import tempfile
        >>> from w2v import Word2Vec
        >>> model = Word2Vec([["cat", "says", "meow"], ["dog", "says", "woof"]], min_count=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/cats")
        ...     again = Word2Vec.load(f"{folder}/cats")
        >>> bool((again.wv.vectors == model.wv.vectors).all()), again.epochs
        (True, 5)
        """
        model = cls.__new__(cls)
        Word2Vec.__init__(model)
        store.load(model, fname, mmap is not None)
        if model.negative and len(model._counts) == len(model.wv):
            model.make_cum_table()
        if model.hs and len(model._counts) == len(model.wv):
            model.create_binary_tree()
        model.add_lifecycle_event("loaded", fname=str(fname))
        return model

    # ---- names of earlier gensim versions

    def init_sims(self, replace: bool = False) -> None:
        """Deprecated: wv.fill_norms(), or with `replace` wv.unit_normalize_all()."""
        warnings.warn("init_sims() is deprecated: use wv.fill_norms()", DeprecationWarning, stacklevel=2)
        self.wv.fill_norms(force=True)
        if replace:
            self.wv.unit_normalize_all()

    def seeded_vector(self, seed_string: str, vector_size: int) -> NDArray[np.float32]:
        """Deprecated. The vector (vector_size,) that a word starts from whose hash is that of `seed_string`, by
        hashfxn.
        """
        warnings.warn("seeded_vector() is deprecated", DeprecationWarning, stacklevel=2)
        out = np.empty((1, int(vector_size)), np.float32)
        seed_by_words(out, [seed_string], "", self.hashfxn)
        return out.reshape(-1)
