"""Valid files of every kind, small ones: what the edits begin with. Owns their content; each is checked by being read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import zstandard

from w2v import checkpoint, formats
from w2v.config import TrainConfig
from w2v.formats import gensim_export, native
from w2v.phrases import Phrases
from w2v.train import EpochStats, Position, Result
from w2v.vectors import KeyedVectors
from w2v.vocab import Vocab
from w2v.weights import Weights

WORDS = ["the", "naïve", "日本", "a b", "x" * 70, "</s>"]
PLAIN = [word.replace(" ", "_") for word in WORDS]
MATRIX = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
COUNTS = [6, 5, 4, 3, 2, 1]
CORPUS_OF_RUN: Any = SimpleNamespace(identity="0f" * 16, raw_words=21, n_tokens=21)
CONFIG = TrainConfig(vector_size=4, window=2, hs=True, min_count=1, epochs=2)

PACK = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": lambda data: zstandard.ZstdCompressor(level=1, write_checksum=True).compress(data),
}
UNPACK = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
    "zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


def keyed(words: list[str] = PLAIN) -> KeyedVectors:
    return KeyedVectors.from_arrays(words, MATRIX.copy(), counts=COUNTS)


def fasttext_model() -> bytes:
    out = struct.pack("<2i12id", 793712314, 12, 4, 5, 5, 1, 5, 1, 2, 2, 20, 3, 6, 100, 1e-4)
    out += struct.pack("<3i2q", 6, 6, 0, 1000, -1)
    out += b"".join(word.encode() + b"\0" + struct.pack("<qb", 9, 0) for word in WORDS)
    return out + struct.pack("<?2q", False, 26, 4) + np.ones((26, 4), "<f4").tobytes()


@cache
def vectors() -> dict[str, bytes]:
    """A file of each format of vectors; "apart" is a gensim model whose matrix lies in "apart.vectors.npy"."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spaced = keyed(WORDS)
        formats.save(keyed(), folder / "word2vec-bin", "word2vec-bin")
        formats.save(keyed(), folder / "word2vec-text", "word2vec-text")
        formats.save(spaced, folder / "glove", "glove")
        native.save_model(folder / "native", spaced, w_out=MATRIX, w_node=MATRIX[:5], config=CONFIG, record={"a": [1]})
        gensim_export.save(spaced, folder / "gensim")
        before, gensim_export.SEPARATE = gensim_export.SEPARATE, 1
        try:
            gensim_export.save(spaced, folder / "apart")
        finally:
            gensim_export.SEPARATE = before
        (folder / "fasttext").write_bytes(fasttext_model())
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@cache
def native_models() -> list[bytes]:
    """What Word2Vec.save() writes, with both output layers and without a configuration of the engine."""
    from w2v import Word2Vec

    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "m")
        made = []
        for options in ({"hs": 1, "negative": 2}, {"sg": 1}):
            Word2Vec([["a", "b", "c", "a"]] * 3, vector_size=4, min_count=1, epochs=1, **options).save(path)
            made.append(path.read_bytes())
        return made


@cache
def gensim_models() -> list[bytes]:
    """Pickled Word2Vec models, of gensim 4 (if it is installed) and as gensim before 1.0 had them, by hand."""
    made = [_old_gensim_model()]
    try:
        from gensim.models import FastText, Word2Vec
    except ImportError:
        return made
    for kind, options in ((Word2Vec, {"hs": 1}), (FastText, {"bucket": 8})):
        model = kind([["a", "b", "c", "a"]] * 3, vector_size=4, min_count=1, workers=1, epochs=1, **options)
        model.random, model.wv.norms = None, None  # the state of a random stream is 2.5 kB of nothing to edit
        for protocol in (2, 4):
            buffer = io.BytesIO()
            model.save(buffer, pickle_protocol=protocol)
            made.append(buffer.getvalue())
    return made


def _old_gensim_model() -> bytes:
    from w2v.formats.gensim_export import _int, _text

    def entry(i: int) -> bytes:
        state = b"}(" + _text("count") + _int(9 - i) + _text("index") + _int(i) + _text("sample_int") + _int(5) + b"u"
        return b"cgensim.models.word2vec\nVocab\n)\x81" + state + b"b"

    words = ["a", "b"]
    vocab = b"}(" + b"".join(_text(word) + entry(i) for i, word in enumerate(words)) + b"u"
    # an array as Python 2 wrote it: its bytes as text
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01K\x02K\x02\x86"
    array += b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    array += b"U\x10" + np.eye(2, dtype="<f4").tobytes() + b"tb"
    state = _text("vocab") + vocab + _text("index2word") + b"](" + b"".join(map(_text, words)) + b"e"
    state += _text("syn0") + array + _text("vector_size") + _int(2) + _text("sg") + _int(1) + _text("hs") + _int(0)
    return b"\x80\x02cgensim.models.word2vec\nWord2Vec\n)\x81}(" + state + b"ub."


@cache
def checkpoints() -> list[bytes]:
    """A run that stands still in its second epoch, with and without locked rows."""
    vocab = Vocab.from_counts(dict(zip(PLAIN, COUNTS, strict=True)))
    made = []
    for lock in (None, np.array([0, 1, 1, 0, 1, 1], np.float32)):
        stats = [EpochStats(1.0, 10, 20, 0.5), EpochStats(0.5, 5, 10, 0.2)]
        result = Result(Weights.create(6, CONFIG), stats, Position(1, 0), False, 0.7)
        with tempfile.TemporaryDirectory() as name:
            made.append(checkpoint.save(name, vocab, result, CONFIG, CORPUS_OF_RUN, lock).read_bytes())
    return made


@cache
def phrases() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "p")
        text = [["new", "york", "of", "naïve"], ["new", "york"]] * 3
        model = Phrases(text, min_count=1, threshold=0.1, connector_words=["of"])
        made = []
        for one in (model, model.freeze()):
            one.save(path)
            made.append(path.read_bytes())
        return made


@cache
def gensim_phrases() -> list[bytes]:
    """Phrases and Phraser of gensim 4 (if it is installed), and a Phraser of gensim 3: tuples of bytes."""
    text, number = gensim_export._text, gensim_export._int
    entry = b"(C\x03newC\x04yorktK\x07G@\x10\x00\x00\x00\x00\x00\x00\x86"
    state = text("phrasegrams") + b"}(" + entry + b"u" + text("delimiter") + b"C\x01_" + text("min_count") + number(1)
    state += text("threshold") + number(1) + text("common_terms") + b"cbuiltins\nfrozenset\n](C\x02ofe\x85R"
    state += text("scoring") + b"cgensim.models.phrases\noriginal_scorer\n"
    made = [b"\x80\x03cgensim.models.phrases\nPhraser\n)\x81}(" + state + b"ub."]
    try:
        from gensim.models import phrases as theirs
    except ImportError:
        return made
    model = theirs.Phrases([["new", "york", "of"], ["new", "york"]] * 3, min_count=1, threshold=0.1, connector_words={"of"})
    for one in (model, model.freeze()):
        one.lifecycle_events = None
        made += [pickle.dumps(one, protocol) for protocol in (2, 4)]
    return made


CORPUS = (
    "The cat sat on the mat\r\nnaïve 日本\u00a0語 a\0b\n\n" + "x" * 1001 + " " + "y " * 30 + "\n" + "é" * 20 + "\tthe cat"
).encode() + b" \xff\xfe broken \xc3( \xe2\x82"
QUESTIONS = ": capital\nthe naïve 日本 a_b\nThe </s> a_b the\n: gram1\n日本 the naïve </s>\nsome thing not known\n".encode()
PAIRS = "# judged\nthe\tnaïve\t7.5\n日本\ta_b\t1e1\nthe\t</s>\t0\nbus\tcar\t3\n".encode()
CATEGORIES = "# of words\nthe article\na_b article\n日本 place\n</s> mark\nbus thing\n".encode()
VOCABULARY = b"".join(b"%s %d\n" % (word.encode(), count) for word, count in zip(PLAIN, COUNTS, strict=True))


def config_json() -> bytes:
    return json.dumps(CONFIG.to_dict()).encode()


def all_packed(files: list[bytes]) -> list[bytes]:
    return [pack(data) for data in files for pack in PACK.values()]
