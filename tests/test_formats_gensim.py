"""gensim's own files: read without running anything in them, written so that gensim reads them."""

from __future__ import annotations

import codecs
import gzip
import io
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from w2v import formats
from w2v.errors import FormatError, MissingFileError, TruncatedError
from w2v.formats import gensim_export, gensim_import, pickled
from w2v.vectors import KeyedVectors, PackedWords

WORDS = ["the", "naïve", "New York", "日本", ""]


@pytest.fixture
def kv():
    vectors = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    return KeyedVectors.from_arrays(PackedWords.pack(WORDS), vectors, counts=[9, 7, 5, 3, 2])


# ---- models that gensim saved: its own test data reach back to version 0.12

OLD = [f"old_w2v_models/w2v_{v}.mdl" for v in "0.12.0 0.12.4 0.13.0 0.13.4 1.0.0 2.0.0 2.3.0 3.0.0 3.2.0 3.3.0 3.4.0".split()]
OLD += ["word2vec_pre_kv_py2", "word2vec_pre_kv_py3", "word2vec_pre_kv_sep_py2", "word2vec_pre_kv_sep_py3_4"]
OLD += ["word2vec_old", "word2vec_old_sep", "word2vec_3.3", "model-from-gensim-3.8.0.w2v", "w2v-lee-v0.12.0"]
OLD += [
    "old_keyedvectors_320.dat",
    "fasttext_old_sep",
    "ft_kv_3.6.0.model.gz",
    "lee_fasttext",
    "old_d2v_models/d2v_2.0.0.mdl",
]


@pytest.mark.parametrize("name", OLD)
def test_models_of_every_version(name):
    path = pytest.importorskip("gensim.test.utils").datapath(name)
    assert formats.sniff(path) == "gensim"
    model = gensim_import.load_model(path)
    kv = model.kv
    assert len(kv) == len(kv.vectors) > 2
    assert np.isfinite(kv.vectors).all()
    assert np.abs(kv.vectors).max() > 0
    counts = kv.expandos["count"]
    assert counts.dtype == np.int64
    assert (counts > 0).all()
    assert kv.index_to_key == list(dict.fromkeys(kv.index_to_key))
    for output in (model.w_out, model.w_node):
        assert output is None or output.shape[1] == kv.vector_size
    if "fasttext" not in name and model.kind == "Word2Vec":
        assert model.parameters["vector_size"] == kv.vector_size
        assert model.parameters["epochs"] >= 1
        assert (model.w_node is not None) == bool(model.parameters["hs"]) == (model.points is not None)


GENSIM_READS_TOO = ["old_w2v_models/w2v_1.0.0.mdl", "old_w2v_models/w2v_3.4.0.mdl", "word2vec_old_sep", "word2vec_3.3"]


@pytest.mark.parametrize("name", [*GENSIM_READS_TOO, "model-from-gensim-3.8.0.w2v", "old_keyedvectors_320.dat"])
def test_the_same_as_gensim_reads(name):
    utils = pytest.importorskip("gensim.utils")
    path = pytest.importorskip("gensim.test.utils").datapath(name)
    theirs = utils.SaveLoad.load(path)
    theirs, output = getattr(theirs, "wv", theirs), getattr(theirs, "syn1neg", None)
    model = gensim_import.load_model(path)
    assert model.kv.index_to_key == theirs.index_to_key
    np.testing.assert_array_equal(model.kv.vectors, theirs.vectors)
    for attribute in ("count", "sample_int"):
        np.testing.assert_array_equal(model.kv.expandos[attribute], theirs.expandos[attribute])
    if model.w_out is not None:
        np.testing.assert_array_equal(model.w_out, output)


@pytest.mark.parametrize("hs", [0, 1])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_models_of_todays_gensim(tmp_path, hs, apart, protocol):
    word2vec = pytest.importorskip("gensim.models.word2vec")
    sentences = [["a", "b", "c", "d"], ["b", "c"], ["c", "é"]] * 3
    theirs = word2vec.Word2Vec(sentences, vector_size=6, min_count=1, hs=hs, workers=1, epochs=2)
    limit = 0 if apart else 10 << 20
    theirs.save(str(tmp_path / "m"), sep_limit=limit, pickle_protocol=protocol)
    assert (tmp_path / "m.wv.vectors.npy").exists() == apart
    for mmap in (True, False):
        model = gensim_import.load_model(tmp_path / "m", mmap=mmap)
        assert model.kind == "Word2Vec"
        assert model.kv.index_to_key == theirs.wv.index_to_key
        np.testing.assert_array_equal(model.kv.vectors, theirs.wv.vectors)
        np.testing.assert_array_equal(model.w_out, theirs.syn1neg)
        np.testing.assert_array_equal(model.kv.expandos["count"], theirs.wv.expandos["count"])
        assert (model.parameters["hs"], model.parameters["window"], model.parameters["corpus_count"]) == (hs, 5, 9)
        assert model.parameters["cbow_mean"] == 1
        assert model.parameters["min_alpha_yet_reached"] == theirs.min_alpha_yet_reached
        if hs:
            np.testing.assert_array_equal(model.w_node, theirs.syn1)
            for i, word in enumerate(theirs.wv.index_to_key):
                np.testing.assert_array_equal(model.points[i], theirs.wv.get_vecattr(word, "point"))
                np.testing.assert_array_equal(model.codes[i], theirs.wv.get_vecattr(word, "code"))
    theirs.wv.save(str(tmp_path / "kv"), sep_limit=limit, pickle_protocol=protocol)
    ours = formats.load(tmp_path / "kv", limit=2)
    assert ours.index_to_key == theirs.wv.index_to_key[:2]
    np.testing.assert_array_equal(ours.vectors, theirs.wv.vectors[:2])
    assert ours.vectors.shape == (2, 6)


def test_fasttext_and_keyed_vectors_of_todays_gensim(tmp_path):
    fasttext = pytest.importorskip("gensim.models.fasttext")
    theirs = fasttext.FastText([["hello", "world"], ["hello", "there"]], vector_size=4, min_count=1, workers=1, bucket=20)
    theirs.save(str(tmp_path / "m"))
    ours = formats.load(tmp_path / "m")
    np.testing.assert_allclose(ours.vectors, theirs.wv.vectors, rtol=1e-5)


def test_without_gensim(tmp_path, kv):
    gensim_export.save(kv, tmp_path / "m.kv")
    code = (
        "import sys; sys.modules['gensim'] = None\n"
        f"from w2v import formats; print(formats.load({str(tmp_path / 'm.kv')!r}).index_to_key[3])"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf8"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout.decode().strip() == "日本"


def test_rows_without_a_key_of_their_own(tmp_path, caplog):
    """gensim 4 leaves them where a file it read held a word twice."""
    kv = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32), counts=[3, 2, 1])
    gensim_export.save(kv, tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    second = gensim_export._key("b")
    (tmp_path / "m").write_bytes(data.replace(second, b"N" + gensim_export._MEMOIZE))
    found = formats.load(tmp_path / "m")
    assert found.index_to_key == ["a", "c"]
    assert found.vectors.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert found.expandos["count"].tolist() == [3, 1]
    assert "1 rows have no key" in caplog.text


# ---- files that gensim shall read


@pytest.mark.parametrize("apart", [False, True])
def test_gensim_reads_what_we_write(tmp_path, kv, apart, monkeypatch):
    keyedvectors = pytest.importorskip("gensim.models.keyedvectors")
    monkeypatch.setattr(gensim_export, "SEPARATE", 1 if apart else 1 << 30)
    kv.expandos["rank"] = np.arange(5, dtype=np.uint16)
    formats.save(kv, tmp_path / "m.kv", "gensim")
    assert (tmp_path / "m.kv.vectors.npy").exists() == apart
    for mmap in (None, "r") if apart else (None,):
        theirs = keyedvectors.KeyedVectors.load(str(tmp_path / "m.kv"), mmap=mmap)
        assert theirs.index_to_key == WORDS
        assert theirs.key_to_index == {word: i for i, word in enumerate(WORDS)}
        np.testing.assert_array_equal(theirs.vectors, kv.vectors)
        assert theirs.get_vecattr("naïve", "count") == 7
        assert theirs.expandos["rank"].dtype == np.uint16
        assert theirs.most_similar("the", topn=1)[0][0] == kv.most_similar("the", topn=1)[0][0]
        theirs.add_vectors(["new"], np.ones((1, 4), np.float32))
        theirs.save(str(tmp_path / "again"))
    assert formats.load(tmp_path / "again").index_to_key == [*WORDS, "new"]
    ours = formats.load(tmp_path / "m.kv")
    assert ours.index_to_key == WORDS
    np.testing.assert_array_equal(ours.vectors, kv.vectors)


def test_the_pickle_we_write_is_plain(tmp_path):
    """Python's own unpickler, with every class replaced, sees the arrays that went in."""
    keys = [f"w{i}" for i in range(2500)] + [7, 1 << 40]
    padded = np.arange(2502 * 4, dtype=np.float64).reshape(2502, 4)
    kv = KeyedVectors.from_arrays(keys, padded[:, :3])
    formats.save(kv, tmp_path / "m.kv", "gensim")

    class Record:
        def __setstate__(self, state):
            self.state = state

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            return Record if module.startswith("gensim") else super().find_class(module, name)

    state = Unpickler(io.BytesIO((tmp_path / "m.kv").read_bytes())).load().state
    assert state["index_to_key"] == keys
    assert state["key_to_index"] == {key: i for i, key in enumerate(keys)}
    np.testing.assert_array_equal(state["vectors"], padded[:, :3])
    assert formats.load(tmp_path / "m.kv").index_to_key == keys


def test_what_cannot_be_exported(tmp_path, kv, caplog):
    kv.expandos["tag"] = np.array(["x"] * 5, object)
    formats.save(kv, tmp_path / "m.kv", "gensim")
    assert "'tag' is not saved" in caplog.text
    with pytest.raises(FormatError, match="uncompressed"):
        formats.save(kv, tmp_path / "m.kv.gz", "gensim")
    odd = KeyedVectors.from_arrays([("a", "b"), "c"], np.ones((2, 2)))
    with pytest.raises(FormatError, match="neither text nor a whole number"):
        formats.save(odd, tmp_path / "odd", "gensim")
    assert [p.name for p in tmp_path.iterdir()] == ["m.kv"]


# ---- attacks: whatever they name, nothing runs


class Call:
    """Pickled, it asks for function(*args) to be called."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def opcodes(*parts):
    return b"\x80\x02" + b"".join(p.encode() if isinstance(p, str) else p for p in parts) + b"."


def attacks(marker):
    """Everything that would leave a file at `marker`, and what Python's unpickler has been talked into elsewhere."""
    touch = f"touch {marker}"
    yield from (pickle.dumps(Call(os.system, touch), protocol) for protocol in (2, 3, 4, 5))
    yield pickle.dumps(Call(eval, f"open({str(marker)!r}, 'w')"))
    yield pickle.dumps(Call(exec, f"open({str(marker)!r}, 'w')"))
    yield pickle.dumps(Call(__import__, "this"))
    yield pickle.dumps(Call(subprocess.Popen, ["touch", str(marker)]))
    yield pickle.dumps(Call(getattr, Call(__import__, "os"), "system"))
    yield pickle.dumps(Call(codecs.decode, b"63", "hex"))
    yield pickle.dumps(Call(np.load, str(marker)))
    yield pickle.dumps(Call(np.savetxt, str(marker), [1]))
    yield pickle.dumps(Call(Path.write_text, Path(marker), "x"))
    yield pickle.dumps(Call(open, str(marker), "w"))
    yield pickle.dumps({"vectors": Call(os.system, touch)})
    yield pickle.dumps([np.array([Call(os.system, touch)], object)])
    yield pickle.dumps({Call(os.system, touch): 1})
    text = f"X{{}}{touch}"
    command = b"X" + len(touch).to_bytes(4, "little") + touch.encode()
    for module, name in [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("builtins", "eval"),
        ("sys", "modules"),
    ]:
        yield opcodes(f"c{module}\n{name}\n(", command, "tR")  # REDUCE
        yield opcodes("(", f"c{module}\n{name}\n", command, "o")  # OBJ
        yield opcodes("(", command, f"i{module}\n{name}\n")  # INST
        yield opcodes(f"c{module}\n{name}\n(", command, b"t\x81")  # NEWOBJ
        yield opcodes(f"c{module}\n{name}\n(", command, b"t}\x92")  # NEWOBJ_EX
        yield opcodes(f"c{module}\n{name}\n}}b")  # BUILD
    yield opcodes("cgensim.models.word2vec\nWord2Vec.__init__.__globals__\n)R")
    yield b"\x80\x04\x8c\x17gensim.models.word2vec\n\x8c\x09os.system\x93" + command + b"\x85R."
    yield b"\x80\x04\x8c\x16gensim.models.word2vec\x8c\x09os.system\x93" + command + b"\x85R."
    yield b"\x80\x04\x8c\x02os\x8c\x06system\x93" + command + b"\x85R."
    yield opcodes(b"\x82\x01")  # EXT1: copyreg's registry, which no find_class sees
    yield opcodes("P1\n")  # PERSID
    yield opcodes("I1\nQ")  # BINPERSID
    # A call to a harmless name, with a dangerous one as its argument, and state that would replace a class.
    yield opcodes("ccollections\ndefaultdict\n(cos\nsystem\ntR")
    yield opcodes("cgensim.models.keyedvectors\nKeyedVectors\n)\x81}(U\x09__class__cos\nsystem\nub")
    yield opcodes("cnumpy.core.multiarray\n_reconstruct\n(cos\nsystem\nI0\nU\x01btR")
    assert text


def test_no_attack_runs(tmp_path):
    marker = tmp_path / "ran"
    every = list(attacks(marker))
    assert len(every) > 50
    for data in every:
        (tmp_path / "model").write_bytes(data)
        with pytest.raises(FormatError):
            formats.load(tmp_path / "model", "gensim")
        assert not marker.exists()


def test_an_attack_inside_a_model_is_named(tmp_path, kv):
    """In the state of a real model, where a pickle runs it before anyone looks."""
    gensim_export.save(kv, tmp_path / "m.kv")
    data = (tmp_path / "m.kv").read_bytes()
    call = pickle.dumps(Call(os.system, f"touch {tmp_path}/ran"), 2)[2:-1]
    norms = gensim_export._text("norms") + b"N"
    assert data.count(norms) == 1
    (tmp_path / "m.kv").write_bytes(data.replace(norms, norms[:-1] + call))
    with pytest.raises(FormatError, match=r"refers to 'posix.system', which has no place in a model; nothing was run"):
        formats.load(tmp_path / "m.kv")
    assert not (tmp_path / "ran").exists()


def test_the_interpreter_makes_records_and_nothing_else():
    data = pickle.dumps(Call(os.system, "true"), 4)
    found = pickled.read(memoryview(data), "x", lambda name: True)
    assert isinstance(found, pickled.Object)
    assert (str(found.kind), found.args, found.state) == ("posix.system", ("true",), None)


def test_values_are_those_of_pythons_unpickler():
    value = {
        "n": [None, True, False, 0, 255, 256, 65536, -1, 1 << 40, -(1 << 70), 0.5, float("inf")],
        "t": ("", "é", "日本" * 100, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        3: {"nested": [[], {}, [[1]]]},
        ("1", "a"): "x",
    }
    for protocol in (2, 3, 4, 5):
        # In protocol 2 bytes are a call.
        expected = value if protocol == 2 else {**value, "b": [b"", b"x" * 300], ("c", b"d"): b"e"}
        data = pickle.dumps(expected, protocol)
        assert pickled.read(memoryview(data), "x", lambda name: False) == expected


def test_keys_with_one_hash_are_refused():
    """A dictionary of 100,000 of these takes minutes."""
    for key in (((1 << 61) - 1) * 17, (1, 2), ((("a",),),)):
        data = pickle.dumps({key: 0})
        with pytest.raises(FormatError, match="the key of a dictionary"):
            pickled.read(memoryview(data), "x", lambda name: False)
    model = pickle.dumps({1 << 62: 0, -1: 1, True: 2, 0.5: 3, None: 4})
    assert len(pickled.read(memoryview(model), "x", lambda name: False)) == 5


def test_attributes_that_are_no_numbers_are_left_out(tmp_path, caplog):
    keyedvectors = pytest.importorskip("gensim.models.keyedvectors")
    theirs = keyedvectors.KeyedVectors(2)
    theirs.add_vectors(["a", "b"], np.eye(2, dtype=np.float32))
    theirs.expandos["tag"] = np.array(["x", "yy"])
    theirs.expandos["kind"] = np.array(["x", None], object)
    theirs.save(str(tmp_path / "kv"))
    assert formats.load(tmp_path / "kv").expandos == {}
    assert "the attribute 'tag' is not read: an array of something else than numbers" in caplog.text
    assert "'kind'" in caplog.text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04",
        b"\x80\x04.",
        b"\x80\x02t.",
        b"\x80\x02(.u.",
        b"\x80\x02h\x05.",
        b"\x80\x02}]Ns.",  # a list as key
        b"\x80\x02}" + b"N\x85" * 100_000 + b"Ns.",  # a tuple nested too deeply to be hashed
        b"\x80\x02X\xff\xff\xff\xffabc.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x02T\xff\xff\xff\xff.",
        b"\x80\x02\x8b\x00\x10\x00\x00" + b"9" * 4096 + b".",
        b"\x80\x02L" + b"9" * 50_000 + b"L\n.",
        b"\x80\x02K\x01r\xff\xff\xff\xffj\xff\xff\xff\xff.",  # a memo that C would make 64 GB large
        b"\x80\x02c" + b"a" * 100_000,
        b"\x80\x02]K\x01}b.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02((((((.",
    ],
)
def test_damaged_pickles(tmp_path, data):
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(FormatError):
        formats.load(tmp_path / "m", "gensim")


# ---- the files beside it


@pytest.fixture
def apart(tmp_path, kv, monkeypatch):
    monkeypatch.setattr(gensim_export, "SEPARATE", 1)
    formats.save(kv, tmp_path / "m.kv", "gensim")
    return tmp_path / "m.kv"


def test_a_missing_array_is_named(apart):
    (apart.parent / "m.kv.vectors.npy").unlink()
    with pytest.raises(MissingFileError, match=r"m\.kv\.vectors\.npy: no such file"):
        formats.load(apart)


def test_arrays_are_mapped_or_ours_to_change(apart):
    assert not formats.load(apart).vectors.flags.writeable
    assert formats.load(apart, mmap=False).vectors.flags.writeable


def test_arrays_are_read_from_beside_the_model_only(apart, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    model = tmp_path / "elsewhere" / "m.kv"
    data, name = apart.read_bytes(), gensim_export._text("vectors")
    for target in ("../m.kv.vectors", f"{tmp_path}/m.kv.vectors", "/../m.kv.vectors", "a.b", "..", "", "a\0b", "é"):
        for form in (target, "x/" + target):
            model.write_bytes(data.replace(name, gensim_export._text(form)))
            with pytest.raises(FormatError, match="names a file that is not beside it"):
                formats.load(model)


def test_arrays_of_objects_are_never_read(apart):
    marker = apart.parent / "ran"
    array = np.array([[Call(os.system, f"touch {marker}")] * 4] * 5, object)
    np.save(apart.parent / "m.kv.vectors.npy", array, allow_pickle=True)
    with pytest.raises(FormatError, match="not an array of numbers"):
        formats.load(apart)
    assert not marker.exists()


def npy(header, body=b"\0" * 80, version=1):
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\0\xff\xff{}",
        b"not an array",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 5), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9999999999), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-5, -4), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4, 1), }"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (5, 2), }"),
        npy("{'descr': '<U4', 'fortran_order': False, 'shape': (5, 1), }"),
        npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (5, 4), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').system('true'), 4), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 0 4), }"),
        npy("{'descr': '<f1', 'fortran_order': False, 'shape': (5, 4), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 999999999999999999), }", b""),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1" * 50_000 + ",), }"),
        npy("{'descr': '<f3', 'fortran_order': False, 'shape': (5, 4), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4), }", version=9),
    ],
)
def test_npy_files_that_lie(apart, data):
    (apart.parent / "m.kv.vectors.npy").write_bytes(data)
    with pytest.raises(FormatError):
        formats.load(apart)


def test_npy_files_of_any_kind_of_number(apart, kv):
    path = apart.parent / "m.kv.vectors.npy"
    for array in (kv.vectors.astype(">f4"), np.asfortranarray(kv.vectors), kv.vectors.astype(np.float64)):
        np.save(path, array)
        np.testing.assert_array_equal(formats.load(apart).vectors, kv.vectors)
    path.write_bytes(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5L, 4L), }", kv.vectors.tobytes(), 2))
    np.testing.assert_array_equal(formats.load(apart).vectors, kv.vectors)  # as Python 2 wrote it
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TruncatedError):
        formats.load(apart)


def test_rows_of_the_output_layer_stay_with_their_words(tmp_path):
    word2vec = pytest.importorskip("gensim.models.word2vec")
    theirs = word2vec.Word2Vec([["a", "b", "c"]] * 3, vector_size=2, min_count=1, hs=1, workers=1)
    theirs.wv.index_to_key[1] = None
    theirs.save(str(tmp_path / "m"))
    model = gensim_import.load_model(tmp_path / "m")
    assert len(model.kv) == len(model.w_out) == len(model.points) == len(model.codes) == 2
    np.testing.assert_array_equal(model.w_out, theirs.syn1neg[[0, 2]])


def test_compressed_models(tmp_path, kv, apart):
    gensim_export.SEPARATE = 1 << 30
    formats.save(kv, tmp_path / "w.kv", "gensim")
    (tmp_path / "w.kv.gz").write_bytes(gzip.compress((tmp_path / "w.kv").read_bytes()))
    assert formats.load(tmp_path / "w.kv.gz").index_to_key == WORDS
    (tmp_path / "m.kv.gz").write_bytes(gzip.compress(apart.read_bytes()))
    with pytest.raises(FormatError, match=r"compressed \.npz"):
        formats.load(tmp_path / "m.kv.gz")


def test_other_pickles_are_refused(tmp_path):
    for value in ({"a": 1}, [1, 2], None, "text"):
        (tmp_path / "p").write_bytes(pickle.dumps(value))
        with pytest.raises(FormatError, match="not a model of gensim"):
            formats.load(tmp_path / "p")
    with pytest.raises(FormatError, match=r"gensim\.models\.poincare\.PoincareModel"):
        formats.load(pytest.importorskip("gensim.test.utils").datapath("poincare_test_3.4.0"))


def test_shapes_that_do_not_fit(tmp_path, kv, caplog):
    gensim_export.save(kv, tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    shape = b"(" + gensim_export._int(5) + gensim_export._int(4) + b"t"
    assert data.count(shape) == 1
    for other in ((4, 5), (20, 1), (5, 5), (-5, -4)):
        (tmp_path / "m").write_bytes(data.replace(shape, b"(" + b"".join(map(gensim_export._int, other)) + b"t"))
        with pytest.raises(FormatError):
            formats.load(tmp_path / "m")
    assert not [r for r in caplog.records if r.levelno > logging.WARNING]
