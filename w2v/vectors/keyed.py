"""KeyedVectors, the public face: files, evaluation, and the names gensim's users know. Owns no arithmetic.

Formats and evaluation are imported when first used.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, VectorsError
from .comparisons import Comparisons
from .store import Key
from .wmd import word_movers_distance

logger = logging.getLogger(__name__)

Path = str | os.PathLike[str]
KV = TypeVar("KV", bound="KeyedVectors")


class KeyedVectors(Comparisons):
    """Vectors under keys, and the questions one asks of them. The interface is that of gensim 4.

    `vector_size` is D, the numbers per vector; `count` preallocates rows for add_vector(); `dtype` is that of the
    vectors. `mapfile_path` must be None. Wrap arrays you have with from_arrays(); read files with load() and
    load_word2vec_format(). An unknown key raises WordError, a KeyError whose hint names known words like it.

    >>> import numpy as np
    >>> from w2v import KeyedVectors
    >>> kv = KeyedVectors(vector_size=2)
    >>> kv.add_vectors(["tea", "coffee", "car"], np.array([[1.0, 0.1], [0.9, 0.2], [0.0, 1.0]]))
    >>> kv.most_similar("tea", topn=1)[0][0]
    'coffee'
    >>> round(float(kv.similarity("tea", "car")), 2)
    0.1
    """

    # ---- files

    @classmethod
    def load(cls, fname: Path, mmap: str | None = None) -> KeyedVectors:
        """Read a file of any known format, recognised by its content; see formats.load().

        Where the format allows, the matrix stays in the file, read-only, until something changes it through a method;
        mmap is None or 'r', which mean the same. To change rows by hand: kv.vectors = kv.vectors.copy().
        """
        from .. import formats

        if mmap not in (None, "r"):
            raise ConfigError(f"mmap={mmap!r}: a file is mapped for reading only", "leave mmap out, or copy kv.vectors")
        return formats.load(fname)

    def save(
        self,
        fname: Path,
        separately: Sequence[str] | None = None,
        sep_limit: int | None = None,
        ignore: Iterable[str] | None = None,
        pickle_protocol: int | None = None,
    ) -> None:
        """Write one native file, whatever its size. The options are gensim's for its several pickles; they raise a
        UserWarning.
        """
        from .. import formats

        options = {
            "separately": separately,
            "sep_limit": sep_limit,
            "ignore": ignore,
            "pickle_protocol": pickle_protocol,
        }
        given = [name for name, value in options.items() if value is not None]
        if given:
            warnings.warn(f"{', '.join(given)}: no effect, everything is kept in one file", UserWarning, stacklevel=2)
        formats.save(self, fname, format="native")

    @classmethod
    def load_word2vec_format(
        cls: type[KV],
        fname: Path,
        fvocab: Path | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> KV:
        """Read word2vec's text or binary format; see formats.word2vec.load_word2vec_format()."""
        from ..formats import word2vec

        return word2vec.load_word2vec_format(
            cls,
            fname,
            fvocab=fvocab,
            binary=binary,
            encoding=encoding,
            unicode_errors=unicode_errors,
            limit=limit,
            datatype=datatype,
            no_header=no_header,
        )

    def save_word2vec_format(
        self,
        fname: Path,
        fvocab: Path | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Write word2vec's text or binary format; see formats.word2vec.save_word2vec_format()."""
        from ..formats import word2vec

        word2vec.save_word2vec_format(
            self,
            fname,
            fvocab=fvocab,
            binary=binary,
            total_vec=total_vec,
            write_header=write_header,
            prefix=prefix,
            append=append,
            sort_attr=sort_attr,
        )

    def intersect_word2vec_format(
        self,
        fname: Path,
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
    ) -> None:
        """Take over the vectors of those keys of the file that are known here; others stay as they are, none is added.

        `lockf` becomes the lock factor of the rows taken over: 0 freezes them in later training, 1 lets them learn.
        Raises VectorsError if the file's vectors have another size.
        """
        other = type(self).load_word2vec_format(fname, binary=binary, encoding=encoding, unicode_errors=unicode_errors)
        if other.vector_size != self.vector_size:
            raise VectorsError(f"{fname} holds vectors of {other.vector_size} numbers, these have {self.vector_size}")
        pairs = [(self.key_to_index[key], row) for key, row in other.key_to_index.items() if key in self.key_to_index]
        here, there = np.array(pairs, np.int64).reshape(-1, 2).T
        self._writeable()[here] = other.vectors[there]
        # One factor may stand for all rows (gensim indexes them modulo their number); now they differ.
        self.vectors_lockf = np.resize(self.vectors_lockf, len(self)).astype(np.float32)
        self.vectors_lockf[here] = lockf
        self.add_lifecycle_event("intersect_word2vec_format", msg=f"took over {len(here)} of {len(other)} vectors of {fname}")

    def vectors_for_all(self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False) -> KeyedVectors:
        """A new KeyedVectors with the distinct `keys` known here, in the order given.

        `allow_inference` also takes keys that have a vector without being in the vocabulary: row numbers here, made-up
        words in a subclass. The attribute 'count' of the result is n, n-1, ... 1, or with `copy_vecattrs` all
        attributes are copied.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["tea", "milk", "car"], [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> kv.vectors_for_all(["car", "bus", "tea", "car"]).index_to_key
        ['car', 'tea']
        """
        known = self if allow_inference else self.key_to_index
        chosen = [key for key in dict.fromkeys(keys) if key in known]
        rows = np.stack([self.get_vector(key) for key in chosen]) if chosen else np.empty((0, self.vector_size), np.float32)
        result = KeyedVectors.from_arrays(chosen, rows.astype(self.vectors.dtype, copy=False))
        result.expandos["count"] = np.arange(len(chosen), 0, -1)
        if copy_vecattrs:
            indexed = [(new, self.get_index(key, -1)) for new, key in enumerate(chosen)]
            there, here = np.array([pair for pair in indexed if pair[1] >= 0], np.int64).reshape(-1, 2).T
            for attr, values in self.expandos.items():
                result.expandos[attr] = np.zeros((len(chosen), *values.shape[1:]), values.dtype)
                result.expandos[attr][there] = values[here]
        return result

    # ---- evaluation

    def evaluate_word_analogies(
        self,
        analogies: Path,
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Accuracy on a file of analogies, 0 to 1, and the questions by section; see evaluate.word_analogies().

        Sections are {'section': name, 'correct': [(a, b, c, d)], 'incorrect': [...]}, 'Total accuracy' the last of
        them. The score is 0 if no question could be asked.
        """
        from ..evaluate import word_analogies

        report = word_analogies(
            self,
            analogies,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
            similarity_function=similarity_function,
        )
        sections = [
            {"section": s.name, "correct": s.correct, "incorrect": s.incorrect} for s in (*report.sections, report.total)
        ]
        for section in sections:
            self.log_accuracy(section)
        return (report.total.accuracy if report.total.answered else 0.0), sections

    def evaluate_word_pairs(
        self,
        pairs: Path,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Any, Any, float]:
        """Correlation with human judgements; see evaluate.word_pairs().

        Returns (pearson, spearman, percentage of unknown pairs); a correlation is the pair (statistic, p-value).
        """
        from ..evaluate import word_pairs

        report = word_pairs(
            self,
            pairs,
            delimiter=delimiter,
            encoding=encoding,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
        )
        self.log_evaluate_word_pairs(report.pearson, report.spearman, report.oov_ratio, pairs)
        return report.pearson, report.spearman, report.oov_ratio

    @staticmethod
    def log_accuracy(section: dict[str, Any]) -> None:
        """Log the accuracy of a section of evaluate_word_analogies()."""
        correct, answered = len(section["correct"]), len(section["correct"]) + len(section["incorrect"])
        if answered:
            logger.info("%s: %.1f%% (%d/%d)", section["section"], 100 * correct / answered, correct, answered)

    @staticmethod
    def log_evaluate_word_pairs(pearson: Sequence[float], spearman: Sequence[float], oov: float, pairs: Any) -> None:
        """Log the results of evaluate_word_pairs()."""
        logger.info("Pearson correlation coefficient against %s: %.4f", pairs, pearson[0])
        logger.info("Spearman rank-order correlation coefficient against %s: %.4f", pairs, spearman[0])
        logger.info("Pairs with unknown words ratio: %.1f%%", oov)

    # ---- documents

    def wmdistance(self, document1: Sequence[Key], document2: Sequence[Key], norm: bool = True) -> float:
        """Word Mover's Distance between two tokenised documents, of unit vectors with `norm`.

        Unknown words are left out; infinity if that leaves nothing of a document. Needs POT, the extra 'wmd': raises
        MissingExtraError without it.
        """
        return word_movers_distance(self, document1, document2, norm)

    def similarity_unseen_docs(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not for words."""
        raise NotImplementedError("similarity_unseen_docs is for document models")

    # ---- names of earlier gensim versions

    def word_vec(self, *args: Any, **kwargs: Any) -> NDArray[np.floating]:
        """Deprecated: get_vector()."""
        _deprecated("word_vec", "get_vector")
        return self.get_vector(*args, **kwargs)

    def words_closer_than(self, word1: Key, word2: Key) -> list[Any]:
        """Deprecated: closer_than()."""
        _deprecated("words_closer_than", "closer_than")
        return self.closer_than(word1, word2)

    def init_sims(self, replace: bool = False) -> None:
        """Deprecated: fill_norms(), or with `replace` unit_normalize_all()."""
        _deprecated("init_sims", "fill_norms")
        self.fill_norms()
        if replace:
            self.unit_normalize_all()

    @property
    def vocab(self) -> NoReturn:
        """Gone since gensim 4."""
        raise AttributeError("vocab is gone: use key_to_index, index_to_key, get_vecattr() and set_vecattr()")

    @property
    def vectors_norm(self) -> NoReturn:
        """Gone since gensim 4."""
        raise AttributeError("vectors_norm is gone: use get_normed_vectors()")

    @property
    def index2word(self) -> NoReturn:
        """Gone since gensim 4."""
        raise AttributeError("index2word is gone: use index_to_key")

    @property
    def index2entity(self) -> NoReturn:
        """Gone since gensim 4."""
        raise AttributeError("index2entity is gone: use index_to_key")


def _deprecated(old: str, new: str) -> None:
    warnings.warn(f"{old}() is deprecated: use {new}()", DeprecationWarning, stacklevel=3)
