"""The native format: what it keeps, that others can read it, and headers that lie."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from w2v import formats
from w2v.config import TrainConfig
from w2v.errors import ConfigError, FormatError, TruncatedError, W2VError
from w2v.formats import native, tensors
from w2v.vectors import KeyedVectors, PackedWords

WORDS = ["the", "naïve", "", "New York", "a\nb", "日本"]


@pytest.fixture
def kv():
    vectors = np.random.default_rng(0).standard_normal((6, 7)).astype(np.float32)
    return KeyedVectors.from_arrays(PackedWords.pack(WORDS), vectors, counts=[9, 7, 5, 3, 2, 1])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.w2v"


def rewritten(path, change):
    """The file at `path` with its header changed by `change(header)`, and its tensors as they were."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = change(header)
    text = text if isinstance(text, bytes) and text[:1] else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    return path


def test_everything_comes_back(path, kv):
    config = TrainConfig(vector_size=7, window=3, sg=False)
    record = {"loss": [1.5, 1.25], "corpus": "abc", "finished": True}
    w_out = np.arange(42, dtype=np.float32).reshape(6, 7)
    native.save_model(path, kv, w_out=w_out, w_node=w_out[:5], config=config, record=record)
    for mmap in (True, False):
        model = native.load_model(path, mmap=mmap)
        assert model.kv.index_to_key == WORDS
        np.testing.assert_array_equal(model.kv.vectors, kv.vectors)
        np.testing.assert_array_equal(model.kv.norms, kv.norms)
        np.testing.assert_array_equal(model.w_out, w_out)
        np.testing.assert_array_equal(model.w_node, w_out[:5])
        assert model.kv.expandos["count"].tolist() == [9, 7, 5, 3, 2, 1]
        assert (model.config, model.record) == (config, record)
        assert model.kv.vectors.flags.writeable is not mmap
        assert model.kv.vectors.flags.aligned


def test_what_is_not_given_is_none(path, kv):
    formats.save(KeyedVectors.from_arrays(["a"], np.ones((1, 2))), path)
    model = native.load_model(path)
    assert (model.w_out, model.w_node, model.config, model.record, model.kv.expandos) == (None, None, None, None, {})
    assert model.kv.vectors.dtype == np.float64


def test_padded_matrices_are_saved_without_their_pads(path, kv):
    padded = np.full((6, 16), 8, np.float32)
    kv.vectors = padded[:, :7]
    native.save_model(path, kv, w_out=padded[:, :7], w_node=padded[:5, :7])
    model = native.load_model(path)
    assert model.kv.vectors.shape == model.w_out.shape == (6, 7)
    assert (model.kv.vectors == 8).all()
    assert path.stat().st_size < 6 * 16 * 4 * 3


def test_the_safetensors_library_reads_it(path, kv):
    safetensors = pytest.importorskip("safetensors")
    native.save_model(path, kv, w_out=kv.vectors, config=TrainConfig(vector_size=7))
    with safetensors.safe_open(path, "numpy") as file:
        assert set(file.keys()) == {"vectors", "norms", "words", "word_offsets", "counts", "w_out"}
        np.testing.assert_array_equal(file.get_tensor("vectors"), kv.vectors)
        assert file.get_tensor("counts").tolist() == [9, 7, 5, 3, 2, 1]
        assert file.metadata()["format"] == "w2v"
        assert json.loads(file.metadata()["config"])["vector_size"] == 7


def test_a_file_of_the_safetensors_library_is_named_for_what_it_is(path):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"weight": np.ones((2, 2), np.float32)}, path)
    with pytest.raises(FormatError, match="not one of w2v"):
        formats.load(path)


def test_attributes_that_are_numbers_are_kept(path, kv, caplog):
    kv.expandos["rank"] = np.arange(6, dtype=np.uint16)
    kv.expandos["share"] = np.linspace(0, 1, 6)
    kv.expandos["tag"] = kv.expandos["code"] = np.array(["x"] * 6, object)
    formats.save(kv, path)
    assert [r.getMessage() for r in caplog.records] == ["the attribute 'tag' is not saved: only numbers are, one for each word"]
    found = formats.load(path)
    assert set(found.expandos) == {"count", "rank", "share"}
    assert found.expandos["rank"].dtype == np.uint16
    np.testing.assert_array_equal(found.expandos["share"], kv.expandos["share"])


def test_limit(path, kv):
    kv.expandos["rank"] = np.arange(6)
    formats.save(kv, path)
    found = formats.load(path, limit=2)
    assert (found.index_to_key, found.vectors.shape) == (["the", "naïve"], (2, 7))
    assert [len(values) for values in found.expandos.values()] == [2, 2]
    assert found.most_similar("the", topn=1)[0][0] == "naïve"
    assert len(formats.load(path, limit=99)) == 6


def test_nothing_is_decoded_or_copied_on_loading(path, kv):
    formats.save(kv, path)
    found = formats.load(path)
    assert found._packed is not None
    assert not found.vectors.flags.owndata
    assert found["日本"].tolist() == kv["日本"].tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_type_of_the_vectors_is_kept(path, dtype):
    formats.save(KeyedVectors.from_arrays(["a", "b", "c"], np.arange(9).reshape(3, 3).astype(dtype)), path)
    found = formats.load(path)
    assert found.vectors.dtype == dtype
    assert found.vectors.tolist() == np.arange(9).reshape(3, 3).tolist()


def test_an_empty_model(path):
    formats.save(KeyedVectors(3), path)
    assert formats.load(path).vectors.shape == (0, 3)


def test_what_cannot_be_saved(path, kv):
    with pytest.raises(FormatError, match="the key 3 is not text"):
        formats.save(KeyedVectors.from_arrays(["a", 3], np.ones((2, 2))), path)
    with pytest.raises(FormatError, match=r"w_out has the shape \(5, 7\); \(6, 7\) is expected"):
        native.save_model(path, kv, w_out=kv.vectors[:5])
    with pytest.raises(FormatError, match="not compressed"):
        formats.save(kv, f"{path}.gz")
    formats.save(kv, path)
    with pytest.raises(ConfigError, match="encoding"):
        formats.load(path, encoding="latin-1")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_failed_save_leaves_the_old_file(path, kv, monkeypatch):
    formats.save(kv, path)
    before = path.read_bytes()

    def fail(array):
        yield b"some"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensors, "_blocks", fail)
    with pytest.raises(W2VError, match="No space left"):
        formats.save(kv, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_compressed_files_are_read_all_the_same(path, kv):
    import gzip

    formats.save(kv, path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert formats.load(path).index_to_key == WORDS


# ---- headers that lie

CHANGES = {
    "overlap": lambda h: h["norms"].update(data_offsets=[n - 24 for n in h["norms"]["data_offsets"]]),
    "gap": lambda h: h.pop("norms"),
    "negative": lambda h: h["vectors"].update(data_offsets=[-4, 164]),
    "beyond the end": lambda h: h["words"].update(data_offsets=[h["words"]["data_offsets"][0], 1 << 40]),
    "backwards": lambda h: h["norms"].update(data_offsets=h["norms"]["data_offsets"][::-1]),
    "wrong shape": lambda h: h["vectors"].update(shape=[7, 6, 1]),
    "transposed": lambda h: h["vectors"].update(shape=[7, 6]),
    "huge shape": lambda h: h["vectors"].update(shape=[1 << 62, 1 << 62]),
    "float shape": lambda h: h["vectors"].update(shape=[6.0, 7.0]),
    "true shape": lambda h: h["norms"].update(shape=[True]),
    "negative shape": lambda h: h["vectors"].update(shape=[-6, -7]),
    "text shape": lambda h: h["vectors"].update(shape="67"),
    "unknown type": lambda h: h["vectors"].update(dtype="O"),
    "no type": lambda h: h["vectors"].pop("dtype"),
    "a type that is a list": lambda h: h["vectors"].update(dtype=[]),
    "other floats": lambda h: h["word_offsets"].update(dtype="F64"),
    "unsigned offsets": lambda h: h["word_offsets"].update(dtype="U64"),
    "tensor is no object": lambda h: h.update(vectors=3),
    "unknown tensor": lambda h: h.update(extra={"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}),
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata not text": lambda h: h["__metadata__"].update(version=1),
    "metadata a list": lambda h: h.update(__metadata__=[]),
    "another version": lambda h: h["__metadata__"].update(version="2"),
    "config not JSON": lambda h: h["__metadata__"].update(config="{"),
    "config no object": lambda h: h["__metadata__"].update(config="[1]"),
    "config unknown": lambda h: h["__metadata__"].update(config='{"colour": 1}'),
    "config deep": lambda h: h["__metadata__"].update(config="[" * 100_000),
    "header not JSON": lambda h: b"{not json}",
    "header a list": lambda h: b"[]      ",
    "header deep": lambda h: b'{"a":' * 100_000,
    "a name twice": lambda h: json.dumps(h).encode()[:-1] + b', "words": 3}',
    "header not UTF-8": lambda h: b'{"\xff":1}',
    "huge number": lambda h: b'{"a":{"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,0]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_headers_that_lie(path, kv, name):
    formats.save(kv, path)
    rewritten(path, CHANGES[name])
    with pytest.raises(W2VError):
        native.load_model(path)
    if name.startswith("config"):  # the vectors do not need it
        assert formats.load(path, "native").index_to_key == WORDS
    else:
        with pytest.raises(W2VError):
            formats.load(path, "native")


def test_files_cut_off_or_longer(path, kv):
    formats.save(kv, path)
    data = path.read_bytes()
    for size in (0, 4, 8, 100, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(FormatError):
            formats.load(path, "native")
    path.write_bytes(data[:-1])
    with pytest.raises(TruncatedError):
        formats.load(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(FormatError, match="1 bytes stand behind the last tensor"):
        formats.load(path)
    path.write_bytes((1 << 60).to_bytes(8, "little") + data[8:])
    with pytest.raises(FormatError):
        formats.load(path)


@pytest.mark.parametrize(
    "lies", [{0: 1}, {1: 10}, {1: -3}, {2: 1 << 62}, {6: 27}, {6: 0}, {2: 6}], ids=lambda lies: str(lies).replace(" ", "")
)
def test_word_offsets_that_lie(path, kv, lies):
    formats.save(kv, path)
    data = path.read_bytes()
    true = PackedWords.pack(WORDS).offsets
    assert data.count(true.tobytes()) == 1
    false = true.copy()
    for place, value in lies.items():
        false[place] = value
    path.write_bytes(data.replace(true.tobytes(), false.tobytes()))
    with pytest.raises(FormatError, match=r"word offsets|not valid UTF-8"):  # the last cuts a letter in two
        formats.load(path)


def test_words_that_are_not_utf8(path, kv):
    formats.save(kv, path)
    path.write_bytes(path.read_bytes().replace("naïve".encode(), b"na\xff\xffve"))
    with pytest.raises(FormatError, match="not valid UTF-8"):
        formats.load(path)


def test_loading_needs_neither_numba_nor_the_safetensors_library(path, kv):
    formats.save(kv, path)
    code = f"from w2v import formats; formats.load({str(path)!r}).most_similar('the'); import sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numba", "safetensors", "smart_open", "gensim"} & set(loaded)
