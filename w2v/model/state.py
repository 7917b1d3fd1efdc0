"""What a Word2Vec model is made of: settings, vectors, output layers, a record of events. Owns access to them, changes
nothing.

The matrices live padded, as the kernels want them; `wv.vectors`, `syn1` and `syn1neg` are views without the pads.
Whatever users put in their place is copied into padded rows when training needs it.
"""

from __future__ import annotations

import logging
import math
import platform
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import device as devices
from ..config import DEFAULT_NOISE_GROUP, CbowGradient, Saturation, TrainConfig
from ..corpus.encoder import EncodedCorpus
from ..errors import TrainingError
from ..vectors import KeyedVectors
from ..weights import Weights
from .counts import RawVocab
from .matrices import Matrix, is_view_of, lock_of, own_rows, with_pads

logger = logging.getLogger("w2v.model")

# Random streams of a later call of train() shall have nothing in common with those of an earlier one.
_NEXT_TRAINING = 0x9E3779B97F4A7C15


class ModelState:
    """See Word2Vec, which is this, with everything that can be done with it."""

    # Set by Word2Vec.__init__, or by a file; public names are gensim's.
    wv: KeyedVectors
    vector_size: int
    layer1_size: int
    window: int
    shrink_windows: bool
    sg: int
    hs: int
    negative: int
    ns_exponent: float
    cbow_mean: int
    alpha: float
    min_alpha: float
    min_alpha_yet_reached: float
    epochs: int
    sample: float
    seed: int
    workers: int
    batch_words: int
    compute_loss: bool
    running_training_loss: float
    min_count: int
    effective_min_count: int
    max_vocab_size: int | None
    max_final_vocab: int | None
    sorted_vocab: int
    null_word: int
    hashfxn: Callable[[str], int]
    comment: str | None
    corpus_count: int | None
    corpus_total_words: int | None
    train_count: int
    total_train_time: float
    lifecycle_events: list[dict[str, Any]] | None
    random: np.random.Generator
    # Ours.
    cbow_gradient: CbowGradient
    saturation: Saturation
    noise_group: int | None
    deterministic: bool
    device: str
    _counts: NDArray[np.int64]  # of the words, as tree and tables were last made from them
    _keys: list[Any] | None  # the words, in the order of the rows; None: as wv has them
    _node_counts: NDArray[np.int64]  # of the tree that the rows of syn1 belong to
    _cum_table: NDArray[np.uint32] | None
    _raw: RawVocab | None  # the last scan, until a vocabulary is made of it
    _was_scanned: bool
    _in: Matrix | None = None  # padded; wv.vectors shows it, unless it was replaced
    _out: Matrix | None = None  # (V, S) or (V, D)
    _node: Matrix | None = None  # (V, S) or (V, D): one row more than nodes, as gensim has it
    # While __init__ runs, what build_vocab read is kept for train: the corpus as it was given, and encoded.
    _expecting: bool = False
    _handover: tuple[Any, EncodedCorpus] | None = None

    def __str__(self) -> str:
        return f"{type(self).__name__}<vocab={len(self.wv)}, vector_size={self.wv.vector_size}, alpha={self.alpha}>"

    __repr__ = __str__

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: the input rows are in wv, and need not travel twice."""
        return {**self.__dict__, "_in": None, "_handover": None}

    # ---- output layers, by gensim's names

    @property
    def syn1neg(self) -> Matrix:
        """(V, D) float32: the output rows of negative sampling. AttributeError if the model has none."""
        return self._shown(self._out, "syn1neg")

    @syn1neg.setter
    def syn1neg(self, rows: Any) -> None:
        self._out = np.asarray(rows, np.float32)

    @syn1neg.deleter
    def syn1neg(self) -> None:
        self._out = None

    @property
    def syn1(self) -> Matrix:
        """(V, D) float32: the rows of the Huffman tree's inner nodes, the last one unused. AttributeError if there are
        none.
        """
        return self._shown(self._node, "syn1")

    @syn1.setter
    def syn1(self, rows: Any) -> None:
        self._node = np.asarray(rows, np.float32)

    @syn1.deleter
    def syn1(self) -> None:
        self._node = None

    def _shown(self, matrix: Matrix | None, name: str) -> Matrix:
        if matrix is None:
            raise AttributeError(f"this model has no {name}: it was made without that output layer, or has no vocabulary yet")
        return matrix[:, : self.layer1_size]

    # ---- the vocabulary

    @property
    def raw_vocab(self) -> dict[Any, int] | None:
        """Word -> count of everything that was scanned; None before, empty once a vocabulary was made of it (a copy
        each time).
        """
        if self._raw is not None:
            return self._raw.to_dict()
        return {} if self._was_scanned else None

    @raw_vocab.setter
    def raw_vocab(self, frequencies: Mapping[Any, int] | None) -> None:
        self._raw = None if frequencies is None else RawVocab.of(frequencies)
        self._was_scanned = self._raw is not None

    @property
    def cum_table(self) -> NDArray[np.uint32] | None:
        """(V,) uint32: gensim's table of the noise distribution, None without negative sampling. For reading: training
        draws from the same distribution, but by another table (sampling.alias_table).
        """
        return self._cum_table

    # ---- for training

    def _config(self, epochs: int | None = None, alpha: float | None = None, min_alpha: float | None = None) -> TrainConfig:
        """The settings as they are now. Raises ConfigError for those that are not usable."""
        return TrainConfig(
            vector_size=self.vector_size,
            window=self.window,
            sg=bool(self.sg),
            hs=bool(self.hs),
            negative=self.negative,
            ns_exponent=self.ns_exponent,
            sample=0.0 if self.sample is None else self.sample,
            alpha=self.alpha if alpha is None else alpha,
            min_alpha=self.min_alpha if min_alpha is None else min_alpha,
            epochs=self.epochs if epochs is None else epochs,
            min_count=max(math.ceil(self.min_count), 0),
            max_final_vocab=self.max_final_vocab,
            shrink_windows=bool(self.shrink_windows),
            cbow_mean=bool(self.cbow_mean),
            cbow_gradient=self.cbow_gradient,
            saturation=self.saturation,
            noise_group=DEFAULT_NOISE_GROUP if self.noise_group is None else self.noise_group,
            seed=(self.seed + self.train_count * _NEXT_TRAINING) % (1 << 63),
            threads=self.workers,
            deterministic=self.deterministic,
        )

    def _weights(self) -> Weights:
        """The matrices as the kernels take them, shared with wv, syn1 and syn1neg."""
        rows = len(self.wv)
        layers = (("syn1neg", self._out, bool(self.negative)), ("syn1", self._node, bool(self.hs)))
        for name, matrix, wanted in layers:
            if wanted and (matrix is None or len(matrix) != rows or matrix.shape[1] < self.layer1_size):
                hint = "vectors alone cannot be trained on: build a vocabulary with build_vocab(), or load a whole model"
                raise TrainingError(f"the model has no {name} for its {rows:,} words", hint)
        self._check_words()
        if self._in is None or not is_view_of(self.wv.vectors, self._in):
            self._in = with_pads(self.wv.vectors)
            self.wv.vectors = self._in[:, : self.vector_size]
        if self.negative and self._out is not None:
            self._out = own_rows(self._out, self.layer1_size)
        if self.hs and self._node is not None:
            self._node = own_rows(self._node, self.layer1_size)
        return Weights(self.vector_size, self._in, self._out if self.negative else None, self._node if self.hs else None)

    def _check_words(self) -> None:
        """Rows of the output layers and counts belong to words in a certain order; others may have changed it."""
        keys = self.wv.index_to_key
        moved = self._keys is not None and keys is not self._keys and keys != self._keys
        if moved or len(self._counts) != len(keys) or self.wv.vector_size != self.vector_size:
            hint = "add words by build_vocab(more_sentences, update=True)"
            raise TrainingError("other words, another order or another size of vectors than the model was built with", hint)
        self._keys = keys

    def _lock(self) -> Matrix | None:
        return lock_of(self.wv.vectors_lockf, len(self.wv))

    def _check_device(self) -> None:
        """Refuse a name that is none, and a GPU that is not there, before anything is read."""
        if self.device != "auto":
            devices.choose(self.device, deterministic=self.deterministic)

    # ---- events

    def add_lifecycle_event(self, event_name: str, log_level: int | None = logging.INFO, **event: Any) -> None:
        """Append a record to `lifecycle_events` (None there: keep none), and log it at `log_level`, if any."""
        if self.lifecycle_events is None:
            return
        now = datetime.now().astimezone().isoformat()
        record = {**event, "event": event_name, "datetime": now, "python": platform.python_version()}
        self.lifecycle_events.append(record)
        if log_level is not None:
            logger.log(log_level, "%s lifecycle event %s", type(self).__name__, record)
