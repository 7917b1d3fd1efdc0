"""gensim's files from strangers: known exploits, and pickles built to take all memory or time. Nothing runs, nothing swells."""

from __future__ import annotations

import codecs
import gzip
import os
import pickle
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fuzz import seeds
from fuzz.judge import judge
from fuzz.targets import TARGETS

from w2v import Word2Vec, formats
from w2v.errors import FormatError, W2VError
from w2v.formats import arrays, gensim_export, pickled
from w2v.phrases import Phrases

text, number = gensim_export._text, gensim_export._int
NORMS = text("norms") + b"N"


def calls(module: str, name: str, *arguments: bytes) -> list[bytes]:
    """What calls module.name, spelled with every opcode that can."""
    group = b"(" + b"".join(arguments)
    named = f"c{module}\n{name}\n".encode()
    short = b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93"
    return [
        named + group + b"tR",  # GLOBAL, REDUCE
        short + group + b"tR",  # STACK_GLOBAL
        named + group + b"t\x81",  # NEWOBJ
        named + group + b"t}\x92",  # NEWOBJ_EX
        b"(" + named + b"".join(arguments) + b"o",  # OBJ
        group + f"i{module}\n{name}\n".encode(),  # INST
        named + b"}" + text("x") + b"Nsb",  # BUILD on a module's own object
    ]


COMMAND = text("touch ran")
CODE = text("open('ran', 'w').close()")
# What public proofs of concept and scanners of pickles list.
EXPLOITS = [
    ("os", "system", COMMAND), ("posix", "system", COMMAND), ("nt", "system", COMMAND), ("os", "popen", COMMAND),
    ("os", "execvp", text("touch"), b"](" + text("touch") + text("ran") + b"e"), ("posix", "fork"), ("pty", "spawn", COMMAND),
    ("subprocess", "Popen", COMMAND), ("subprocess", "check_output", COMMAND), ("subprocess", "run", COMMAND),
    ("commands", "getoutput", COMMAND), ("platform", "popen", COMMAND), ("asyncio", "create_subprocess_shell", COMMAND),
    ("builtins", "eval", CODE), ("builtins", "exec", CODE), ("__builtin__", "eval", CODE), ("__builtin__", "file", text("ran")),
    ("builtins", "compile", CODE, text("x"), text("exec")), ("builtins", "open", text("ran"), text("w")),
    ("builtins", "getattr", text("x"), text("y")), ("builtins", "__import__", text("antigravity")), ("builtins", "breakpoint"),
    ("importlib", "import_module", text("antigravity")), ("runpy", "run_path", text("evil.py")),
    ("imp", "load_source", text("x")),
    ("pickle", "loads", b"C\x01."), ("_pickle", "Unpickler"), ("marshal", "loads", b"C\x01N"), ("types", "FunctionType"),
    ("types", "CodeType"), ("code", "interact"), ("timeit", "timeit", CODE), ("cProfile", "run", CODE), ("pdb", "run", CODE),
    ("ctypes", "CDLL", text("libc.so.6")), ("functools", "partial"), ("operator", "attrgetter", text("system")),
    ("operator", "methodcaller", text("system")), ("shutil", "rmtree", text("/nowhere")), ("webbrowser", "open", text("x")),
    ("numpy", "load", text("ran")), ("numpy", "fromfile", text("ran")), ("numpy.f2py.crackfortran", "getlincoef", CODE),
    ("numpy.testing._private.utils", "runstring", CODE, b"}"), ("torch", "load", text("ran")), ("joblib", "load", text("ran")),
    ("pandas", "read_pickle", text("ran")), ("copyreg", "add_extension"), ("gensim.utils", "unpickle", text("ran")),
    ("gensim.utils", "SaveLoad.load", text("ran")), ("sys", "modules"), ("sys", "settrace"), ("socket", "create_connection"),
    # a dotted name walks from an allowed module or class to anything
    ("gensim.models.word2vec", "Word2Vec.__init__.__globals__"), ("numpy", "dtype.__class__"), ("numpy", "core.multiarray"),
    ("builtins", "object.__subclasses__"), ("gensim.models.word2vec", "os.system", COMMAND), ("collections", "abc.sys.modules"),
    ("copyreg", "_reconstructor.__globals__"), ("_codecs", "encode.__self__"), ("builtins", "int.__class__"),
]  # fmt: skip

# Names that are allowed, with something in them that is not; and pickles that go round names.
ABUSES = [
    b"ccopyreg\n_reconstructor\n(cos\nsystem\ncbuiltins\nobject\nNtR",
    b"ccollections\ndefaultdict\n(cos\nsystem\ntR",
    b"cnumpy.core.multiarray\n_reconstruct\n(cos\nsystem\nK\x00\x85C\x01btR",
    b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(" + text("O8") + b"K\x00K\x01tRcos\nsystem\ntR",
    b"cgensim.models.keyedvectors\nKeyedVectors\n)\x81}(" + text("__class__") + b"cos\nsystem\nub",
    b"cgensim.models.keyedvectors\nKeyedVectors\n)\x81}(" + text("__setstate__") + b"cposix\nsystem\nu" + b"b" + COMMAND + b"b",
    b"cgensim.models.keyedvectors\nKeyedVectors\n)\x81}"
    + text("a") + b"cgensim.models.keyedvectors\nVocab\n)\x81cos\nsystem\nbsb",
    b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00",  # EXT1, 2, 4: copyreg's registry, which no find_class sees
    b"Pos\n", text("os") + b"Q",  # persistent ids
]  # fmt: skip


@pytest.fixture
def model(tmp_path) -> bytes:
    """A model of gensim's, whose `norms` may become anything."""
    gensim_export.save(seeds.keyed(), tmp_path / "model")
    data = (tmp_path / "model").read_bytes()
    assert data.count(NORMS) == 1
    return data


def with_more(model: bytes, *state: bytes) -> bytes:
    """The model with more attributes, set last."""
    assert model.endswith(b"ub.")
    return model[:-3] + b"".join(state) + b"ub."


watched: list[str] = []
_listening = False


def _hook(event: str, arguments: tuple) -> None:
    names = ("os.", "subprocess.", "pickle.", "marshal.", "ctypes.", "socket.", "exec", "shutil.", "webbrowser.", "pty.")
    if _listening and event.startswith(names) and event not in ("os.listdir", "os.scandir"):
        watched.append(event)


@pytest.fixture(scope="module", autouse=True)
def _audited():
    sys.addaudithook(_hook)  # once, as it cannot be taken away


@contextmanager
def nothing_runs(folder):
    """No process, no code, no library, no unpickling (PEP 578's audit events), no file and no module is there afterwards.

    A block and not a fixture: between a fixture and its test pytest itself sets variables of the environment.
    """
    global _listening
    (folder / "evil.py").write_text("open('ran', 'w').close()\n")
    before, here = set(sys.modules), os.getcwd()
    os.chdir(folder)
    watched.clear()
    _listening = True
    try:
        yield
    finally:
        _listening = False
        os.chdir(here)
    assert watched == []
    assert not (folder / "ran").exists()
    assert "antigravity" not in set(sys.modules) - before


@pytest.mark.parametrize("call", [lambda: os.system(":"), lambda: pickle.loads(b"cos\nsystem\n."), lambda: exec("pass"),
                                  lambda: os.putenv("W2V_TEST", "x"), lambda: Path("ran").touch()])  # fmt: skip
def test_the_watch_sees_what_runs(tmp_path, call):
    with pytest.raises(AssertionError), nothing_runs(tmp_path):
        call()


def refused(read, path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(W2VError) as caught:
        read(path)
    return str(caught.value)


def load_as_gensim(path):
    return formats.load(path, "gensim")


@pytest.mark.parametrize("exploit", EXPLOITS, ids=lambda exploit: f"{exploit[0]}.{exploit[1]}")
def test_exploits_are_refused_wherever_they_stand(exploit, model, tmp_path):
    refused(load_as_gensim, tmp_path / "warm", b"\x80\x04N.")  # imports what is imported on first use
    with nothing_runs(tmp_path):
        for call in calls(*exploit):
            for whole in (b"\x80\x04" + call + b".", model.replace(NORMS, NORMS[:-1] + call)):
                refused(load_as_gensim, tmp_path / "m", whole)
                refused(Word2Vec.load, tmp_path / "m", whole)
        named = refused(load_as_gensim, tmp_path / "m", model.replace(NORMS, NORMS[:-1] + calls(*exploit)[0]))
    assert f"refers to '{exploit[0]}.{exploit[1]}', which has no place in a model; nothing was run" in named


@pytest.mark.parametrize("abuse", ABUSES)
def test_allowed_names_open_no_door(abuse, model, tmp_path):
    with nothing_runs(tmp_path):
        for whole in (b"\x80\x04" + abuse + b".", model.replace(NORMS, NORMS[:-1] + abuse)):
            refused(load_as_gensim, tmp_path / "m", whole)


def test_phrases_name_scorers_and_call_none(tmp_path):
    """Any name may stand in a file of phrases; none is imported, and none is called."""
    refused(Phrases.load, tmp_path / "p", b"\x80\x04N.")  # imports what is imported on first use
    start = b"\x80\x03cgensim.models.phrases\nPhraser\n)\x81}(" + text("phrasegrams") + b"}" + text("delimiter") + text("_")
    start += text("min_count") + number(1) + text("threshold") + number(1) + text("scoring")
    with nothing_runs(tmp_path):
        for exploit in EXPLOITS:
            data = start + f"c{exploit[0]}\n{exploit[1]}\n".encode() + b"ub."
            assert "not loaded" in refused(Phrases.load, tmp_path / "p", data) or exploit[0] in sys.modules
            for call in calls(*exploit):
                refused(Phrases.load, tmp_path / "p", start + call + b"ub.")


def test_no_codec_is_looked_up_because_a_file_names_it(tmp_path, model):
    asked = []
    codecs.register(asked.append)
    try:
        call = b"c_codecs\nencode\n(" + text("x") + text("evil_codec") + b"tR"
        (tmp_path / "m").write_bytes(model.replace(NORMS, NORMS[:-1] + call))
        formats.load(tmp_path / "m")
        (tmp_path / "p").write_bytes(seeds.gensim_phrases()[0].replace(b"C\x03new", call))
        Phrases.load(tmp_path / "p")
    finally:
        codecs.unregister(asked.append)
    assert asked == []


def test_objects_in_arrays_stay_records():
    listed = pickle.dumps(np.array([{"a": 1}], object), 4)
    found = pickled.read(memoryview(listed), "x", arrays.NAMES.__contains__)
    with pytest.raises(FormatError, match=r"of objects|something else than numbers"):
        arrays.array_of(found)
    assert arrays.list_of(found) == [{"a": 1}]


# ---- time and memory: two bytes of a pickle can refer to a megabyte, and one more can use it


def nested(opening: bytes, closing: bytes, depth: int = 10_000) -> bytes:
    return opening * depth + closing * depth


def laughs(depth: int = 60) -> bytes:
    """A list of two lists of two lists ...: 2 ** depth elements for who walks it."""
    out = b"]q\x00"
    for i in range(depth):
        out += b"](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1])
    return out


def many(what: bytes, times: int, around: tuple[bytes, bytes] = (b"](", b"e")) -> bytes:
    """`what` into memo 200, and a list that refers to it so many times."""
    return what + b"q\xc80" + around[0] + b"h\xc8" * times + around[1]


LONG_TEXT = b"X" + (1 << 16).to_bytes(4, "little") + b"x" * (1 << 16)
BOMBS = {
    "deep lists": nested(b"]", b"a"),
    "deep tuples": b")" + b"\x85" * 20_000,
    "deep objects": b"cgensim.models.word2vec\nVocab\nq\x010" + nested(b"h\x01)\x81", b"b"),
    "laughs": laughs(),
    "one text many times": many(LONG_TEXT, 20_000),
    "a tuple of it as a key": many(b"X\x01\0\0\0a", 10_000, (b"(", b"t")) + b"q\x01" + b"0}(" + b"h\x01N" * 10_000 + b"u",
    "marks": b"(" * 30_000,
    "copies": b"N" + b"2" * 30_000,
    "memo": b"N" + b"".join(b"r" + (2**32 - 1 - i).to_bytes(4, "little") for i in range(10_000)),
    "a long number": b"\x8b\xff\xff\xff\x7f" + b"9" * 2000,
    "a number of digits": b"L" + b"9" * 100_000 + b"L\n",
    "text that lies": b"\x8d" + (1 << 62).to_bytes(8, "little") + b"abc",
    "bytes that lie": b"\x8e" + (1 << 62).to_bytes(8, "little") + b"abc",
    "a bytearray that lies": b"\x96" + (1 << 62).to_bytes(8, "little") + b"abc",
    "a frame that lies": b"\x95" + b"\xff" * 8 + b"N",
    "dictionaries": b"}" * 30_000,
}


@pytest.mark.parametrize("place", ["root", "norms", "index_to_key", "expandos", "__numpys", "vector_size"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_take_no_more_than_the_file(bomb, place, model, tmp_path):
    data = b"\x80\x04" + BOMBS[bomb] + b"."
    if place != "root":  # set again, behind what the model says of it
        data = with_more(model, text(place), BOMBS[bomb])
    # a model is no file of phrases, wherever the bomb lies in it: for that reader the root is enough
    for name in ("gensim", "gensim-model", *(["gensim-phrases"] if place == "root" else [])):
        judge(TARGETS[name], tmp_path / "m", data)


def test_a_compressed_pickle_is_bounded_by_what_it_takes_compressed(tmp_path):
    data = gzip.compress(b"\x80\x04" + b"}" * (4 << 20) + b".")
    assert len(data) < 5000
    path = tmp_path / "m"
    assert "expands to far more than it takes" in refused(load_as_gensim, path, data)


def state_of(kind: str, *pairs: bytes) -> bytes:
    return b"\x80\x02cgensim.models." + kind.encode() + b"\n)\x81}(" + b"".join(pairs) + b"ub."


def array(shape: bytes, content: bytes, code: str = "f4") -> bytes:
    kind = b"cnumpy\ndtype\n(" + text(code) + b"K\x00K\x01tR(K\x03" + text("<" if code != "u1" else "|")
    kind += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    return empty + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


def test_one_text_referred_to_by_a_million_keys_is_not_encoded_for_each(tmp_path):
    keys = many(LONG_TEXT, 50_000)
    nothing = array(b"J" + (50_000).to_bytes(4, "little") + b"K\x00\x86", b"U\x00")
    data = state_of(
        "fasttext\nFastTextKeyedVectors", text("index_to_key"), keys, text("vectors_vocab"), nothing, text("vectors_ngrams"),
        array(b"K\x01K\x00\x86", b"U\x00"), text("bucket"), number(1), text("min_n"), number(3), text("max_n"), number(6),
        text("compatible_hash"), b"\x88",
    )  # fmt: skip
    judge(TARGETS["gensim"], tmp_path / "m", data)


def test_one_array_referred_to_by_many_attributes_is_not_copied_for_each(tmp_path):
    words, columns = 10_000, 10_000  # twice as many of both took up to 2.2 s of the 2 allowed on a slow machine
    keys = b"](" + b"".join(number(i) for i in range(words)) + b"e"
    shape = b"J" + words.to_bytes(4, "little")
    matrix = array(shape + b"K\x01\x86", b"B" + (4 * words).to_bytes(4, "little") + b"\0" * 4 * words)
    column = array(shape + b"\x85", b"B" + (8 * words).to_bytes(4, "little") + b"\0" * 8 * words, "i8")
    first = column + b"q\xc80}("
    data = state_of(
        "keyedvectors\nKeyedVectors", text("index_to_key"), keys, text("vectors"), matrix, text("expandos"),
        first, b"".join(text(f"c{i}") + b"h\xc8" for i in range(columns)), b"u",
    )  # fmt: skip
    verdict = judge(TARGETS["gensim"], tmp_path / "m", data)
    assert verdict.refused is not None
    assert "10,000 attributes" in verdict.refused


def test_long_paths_of_a_tree_are_refused(tmp_path):
    """The content of Python 2's arrays is text, which is encoded: a megabyte for each word, and more where paths join."""
    words = 1000
    content = b"T" + (1 << 20).to_bytes(4, "little") + b"\0" * (1 << 20) + b"q\xc80"
    path = array(b"J" + (1 << 20).to_bytes(4, "little") + b"\x85", b"h\xc8", "u1")
    keys = b"](" + b"".join(text(f"w{i}") for i in range(words)) + b"e"
    zeros = b"B" + (4 * words).to_bytes(4, "little") + b"\0" * 4 * words
    matrix = array(b"J" + words.to_bytes(4, "little") + b"K\x01\x86", zeros)
    paths = b"](" + path * words + b"e"
    expandos = content + b"}(" + text("code") + paths + text("point") + paths + b"u"
    data = state_of(
        "keyedvectors\nKeyedVectors", text("index_to_key"), keys, text("vectors"), matrix, text("expandos"), expandos
    )
    verdict = judge(TARGETS["gensim-model"], tmp_path / "m", data)
    assert verdict.refused is not None
    assert "Huffman" in verdict.refused


def test_one_file_beside_a_model_is_opened_once(tmp_path, model, monkeypatch):
    opened = []
    monkeypatch.setattr(arrays, "read_npy", lambda path: opened.append(path) or np.zeros((6, 4), np.float32))
    names = many(text("vectors"), 100_000)
    (tmp_path / "m").write_bytes(with_more(model, text("__numpys"), names))
    formats.load(tmp_path / "m")
    assert opened == [f"{tmp_path}/m.vectors.npy"]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "vectors.npy", "vectors\n", "vectors\0", "file:x", "é"],
)
def test_no_name_in_a_pickle_leads_to_another_file(name, tmp_path, model, monkeypatch):
    """The names of arrays that lie beside a model are parts of paths: m.NAME.npy."""
    opened = []
    monkeypatch.setattr(arrays, "read_npy", lambda path: opened.append(path) or np.zeros((6, 4), np.float32))
    data = with_more(model, text("__numpys"), b"](" + text("vectors") + text(name) + b"e")
    assert "names a file that is not beside it" in refused(load_as_gensim, tmp_path / "m", data)
    assert "names a file that is not beside it" in refused(Word2Vec.load, tmp_path / "m", data)
    assert opened == []


def test_words_of_phrases_take_no_more_than_the_file(tmp_path):
    """Keys of gensim 3 are pairs of words: each a few bytes, where both are referred to."""
    pairs = b"".join(b"h\xc8" + b"C\x04" + b"%04d" % i + b"\x86N" for i in range(10_000))
    state = text("phrasegrams") + b"C\xff" + b"x" * 255 + b"q\xc80}(" + pairs + b"u" + text("delimiter") + text("_")
    data = state_of("phrases\nPhraser", state, text("min_count"), number(1), text("threshold"), number(1))
    judge(TARGETS["gensim-phrases"], tmp_path / "p", data)
    for name, value in (("scoring", laughs()), ("common_terms", many(LONG_TEXT, 100_000)), ("delimiter", laughs())):
        state = text("phrasegrams") + b"}" + text("delimiter") + text("_") + text("min_count") + number(1)
        state += text("threshold") + number(1) + text(name) + value
        verdict = judge(TARGETS["gensim-phrases"], tmp_path / "p", state_of("phrases\nPhraser", state))
        assert verdict.refused is not None, name
