"""Damaged and hostile files: every reader answers with vectors or a W2VError, and never takes much more than the file.

Each example is a valid file with a few edits. W2V_FUZZ_EXAMPLES sets how many each reader gets (the default suits CI).
"""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w2v import formats
from w2v.config import TrainConfig
from w2v.errors import W2VError
from w2v.formats import gensim_export, native, word2vec
from w2v.vectors import KeyedVectors

EXAMPLES = int(os.environ.get("W2V_FUZZ_EXAMPLES", "60"))
# A buffer of 8 MB, with 1 MB for what may be one word, where the size of the file is not known; and so many bytes for one
# of the file: in a pickle one byte makes an empty dictionary, which takes 64.
FIXED, FACTOR = 12 << 20, 256

WORDS = ["the", "naïve", "日本", "a b", "x" * 70, "</s>"]
MATRIX = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
TOKENS = [b" ", b"\n", b"\0", b"\t", b"\r\n", b"-1", b"0", b"1", b"99999999999", b"9" * 30, b"1048577", b"nan", b"1e999"]
TOKENS += [b"\xff" * 4, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0" * 8, b"\x80", b"\xc3", b"{", b"}", b"(", b".", b'"']
TOKENS += [struct.pack("<q", n) for n in (1 << 31, 1 << 40, 1 << 62)] + [struct.pack("<i", n) for n in (-1, 1 << 30)]

edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "copy", "number", "bit"]),
        st.integers(0, 1 << 20),
        st.integers(0, 64),
        st.sampled_from(TOKENS) | st.binary(max_size=9),
    ),
    min_size=1,
    max_size=5,
)


def edited(data, changes):
    data = bytearray(data)
    for kind, place, length, token in changes:
        at = place % (len(data) + 1)
        if kind == "set":
            data[at : at + len(token)] = token
        elif kind == "insert":
            data[at:at] = token
        elif kind == "delete":
            del data[at : at + length]
        elif kind == "cut":
            del data[at:]
        elif kind == "copy":
            data[at:at] = data[at // 2 : at // 2 + length]
        elif kind == "bit" and at < len(data):
            data[at] ^= 1 << length % 8
        elif kind == "number" and at < len(data):
            data[at] = (data[at] + length - 32) % 256
    return bytes(data)


def fasttext_model():
    out = struct.pack("<2i12id", 793712314, 12, 4, 5, 5, 1, 5, 1, 2, 2, 20, 3, 6, 100, 1e-4)
    out += struct.pack("<3i2q", 6, 6, 0, 1000, -1)
    out += b"".join(word.encode() + b"\0" + struct.pack("<qb", 9, 0) for word in WORDS)
    return out + struct.pack("<?2q", False, 26, 4) + np.ones((26, 4), "<f4").tobytes()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """A valid file of each format."""
    folder = tmp_path_factory.mktemp("seeds")
    plain = [word.replace(" ", "_") for word in WORDS]
    kv = KeyedVectors.from_arrays(plain, MATRIX, counts=[6, 5, 4, 3, 2, 1])
    spaced = KeyedVectors.from_arrays(WORDS, MATRIX, counts=[6, 5, 4, 3, 2, 1])
    formats.save(kv, folder / "word2vec-bin", "word2vec-bin")
    formats.save(kv, folder / "word2vec-text", "word2vec-text")
    formats.save(spaced, folder / "glove", "glove")
    native.save_model(folder / "native", spaced, w_out=MATRIX, w_node=MATRIX[:5], config=TrainConfig(), record={"a": [1]})
    gensim_export.save(spaced, folder / "gensim")
    (folder / "fasttext").write_bytes(fasttext_model())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gensim_export, "SEPARATE", 1)
        gensim_export.save(spaced, folder / "apart")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_or_refuse(read, path, data):
    """Read `data` as a file; whatever comes of it must be whole, and cost no more than it should."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        kv = read(path)
    except W2VError as refusal:
        message = str(refusal)
    else:
        message = "read"
        assert len(kv.index_to_key) == len(kv.vectors)
        assert kv.vectors.dtype.kind == "f"
        assert all(len(values) == len(kv) for values in kv.expandos.values())
        assert all(isinstance(key, (str, int)) for key in kv.index_to_key)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert message
    assert "\n" not in message
    assert peak < FIXED + FACTOR * len(data), peak


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="W2V_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", list(formats.FORMATS))
@fuzzed
@given(changes=edits)
def test_readers(name, changes, seeds, target):
    read_or_refuse(lambda path: formats.load(path, name), target, edited(seeds[name], changes))


@fuzzed
@given(name=st.sampled_from(list(formats.FORMATS)), changes=edits)
def test_sniffing(name, changes, seeds, target):
    read_or_refuse(formats.load, target, edited(seeds[name], changes))


@fuzzed
@given(name=st.sampled_from(list(formats.FORMATS)), changes=edits, outside=st.booleans())
def test_compressed(name, changes, outside, seeds, target):
    data = edited(gzip.compress(seeds[name]), changes) if outside else gzip.compress(edited(seeds[name], changes))
    read_or_refuse(lambda path: formats.load(path, name), target, data)


@fuzzed
@given(changes=edits, more=edits)
def test_arrays_beside_a_gensim_model(changes, more, seeds, target):
    array = edited(seeds["apart.vectors.npy"], changes)
    target.with_name(f"{target.name}.vectors.npy").write_bytes(array)
    read_or_refuse(lambda path: formats.load(path, "gensim"), target, edited(seeds["apart"], more[:1]))


@fuzzed
@given(changes=edits, binary=st.booleans())
def test_vocabulary_files(changes, binary, seeds, target):
    vocabulary = target.with_name("vocab")
    vocabulary.write_bytes(edited(b"".join(b"%s %d\n" % (w.encode(), i) for i, w in enumerate(WORDS)), changes))

    def read(path):
        return word2vec.load_word2vec_format(KeyedVectors, path, fvocab=vocabulary, binary=binary)

    read_or_refuse(read, target, seeds["word2vec-bin" if binary else "word2vec-text"])


@fuzzed
@given(data=st.binary(max_size=300), name=st.sampled_from([None, *formats.FORMATS]))
def test_anything_at_all(data, name, target):
    read_or_refuse(lambda path: formats.load(path, name), target, data)
