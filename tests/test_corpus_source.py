"""Opening text: every kind of place, compression by content, every failure in one line that names the place."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading

import pytest
import zstandard

from w2v.corpus import LineSentence, PathLineSentences, encode
from w2v.corpus.compressed import _Members
from w2v.corpus.source import Place, Stream, places
from w2v.errors import ConfigError, CorpusError

TEXT = b"".join(b"line %d of some text that compresses\n" % i for i in range(20_000))
COMPRESS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
EVERY = pytest.mark.parametrize("kind", COMPRESS)


def read(source, portion: int = 1 << 20) -> bytes:
    """All text of all places, read in portions."""
    out = bytearray()
    for place in places([source]):
        with Stream(place) as stream:
            view = memoryview(bytearray(portion))
            while got := stream.readinto(view):
                out += view[:got]
    return bytes(out)


def words(source, **options):
    vocab, corpus = encode(source, min_count=1, **options)
    with corpus:
        return [vocab.words[i] for k in range(len(corpus)) for i in corpus.read(k) if i >= 0]


# -- compression ------------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("portion", [1, 1000, 1 << 20])
def test_found_by_content_under_any_name(tmp_path, kind, portion):
    path = tmp_path / "corpus.txt"
    text = TEXT[:3000] if portion == 1 else TEXT
    path.write_bytes(COMPRESS[kind](text))
    assert read(path, portion) == text


@EVERY
def test_plain_text_with_a_compressed_name(tmp_path, kind):
    path = tmp_path / f"corpus.{kind}"
    path.write_bytes(b"plain\n")
    assert read(path) == b"plain\n"


@EVERY
def test_every_member_is_read(tmp_path, kind):
    path = tmp_path / "corpus"
    compress = COMPRESS[kind]
    path.write_bytes(b"".join(compress(part) for part in (b"one ", b"", TEXT, b"two", b"")))
    assert read(path) == b"one " + TEXT + b"two"
    assert read(path, 7) == b"one " + TEXT + b"two"


@EVERY
def test_data_that_is_cut_off_is_an_error_wherever_it_is_cut(tmp_path, kind):
    path = tmp_path / "corpus.txt"
    data = COMPRESS[kind](TEXT)
    for cut in (len(data) - 1, len(data) - 5, len(data) // 2, 12):
        path.write_bytes(data[:cut])
        with pytest.raises(CorpusError, match=r"cannot read .*corpus.txt.*byte .*cut off"):
            read(path)


@EVERY
def test_a_failed_read_leaves_nothing_for_the_garbage_collector(tmp_path, kind):
    """A decompressor of xz may hold 256 MB; in a cycle of references it would stay until a collection comes by."""
    (tmp_path / "cut").write_bytes(COMPRESS[kind](TEXT)[:-20])
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(CorpusError, match="cut off"):
                read(tmp_path / "cut")
        assert [thing for thing in gc.get_objects() if isinstance(thing, (Stream, _Members))] == []
    finally:
        gc.enable()


@EVERY
def test_damaged_data_is_an_error_with_file_and_position(tmp_path, kind):
    path = tmp_path / "corpus.txt"
    data = bytearray(COMPRESS[kind](TEXT))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"cannot read .*corpus.txt after [\d,]+ bytes of text \(byte [\d,]+ of the file\)"):
        read(path)


@EVERY
def test_garbage_behind_the_data_is_an_error(tmp_path, kind):
    path = tmp_path / "corpus.txt"
    path.write_bytes(COMPRESS[kind](TEXT) + b"some garbage behind it")
    with pytest.raises(CorpusError, match="cannot read"):
        read(path)


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_zeros_behind_the_data_are_padding(tmp_path, kind):
    path = tmp_path / "corpus.txt"
    path.write_bytes(COMPRESS[kind](b"a ") + b"\0" * 70_000 + COMPRESS[kind](b"b") + b"\0" * 512)
    assert read(path) == b"a b"


def test_a_zstd_frame_to_skip(tmp_path):
    path = tmp_path / "corpus.txt"
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    path.write_bytes(COMPRESS["zstd"](b"a ") + skippable + COMPRESS["zstd"](b"b"))
    assert read(path) == b"a b"


@EVERY
def test_a_bomb_is_read_in_bounded_memory(tmp_path, kind):
    """A gigabyte of zeros in a megabyte; here 64 MB, and what one call holds is what counts."""
    path = tmp_path / "corpus.txt"
    path.write_bytes(COMPRESS[kind](b"\n" * (1 << 26)))
    code = (
        "import sys, resource; from w2v.corpus.source import Stream, Place\n"
        "view = memoryview(bytearray(1 << 16)); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with Stream(Place(sys.argv[1])) as s:\n    while s.readinto(view): pass\n"
        "print(s.position, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    size, growth = map(int, done.stdout.split())
    assert size == 1 << 26
    assert growth < 40_000  # KB; zstd may hold 32 MB at once


@pytest.mark.parametrize(
    ("head", "what"), [(b"PK\x03\x04", "zip"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\x04\x22\x4d\x18", "lz4")]
)
def test_archives_are_refused_by_name(tmp_path, head, what):
    path = tmp_path / "corpus.txt"
    path.write_bytes(head + TEXT)
    with pytest.raises(CorpusError, match=what) as caught:
        read(path)
    assert "unpack" in caught.value.hint


def test_a_text_that_begins_like_bzip2(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"BZhang wrote this")
    assert words(path) == ["BZhang", "wrote", "this"]


# -- marks at the beginning -------------------------------------------------------------------------------------------


@EVERY
def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path, kind):
    for name, data in {"plain": b"\xef\xbb\xbfa", "packed": COMPRESS[kind](b"\xef\xbb\xbfa")}.items():
        (tmp_path / name).write_bytes(data)
        assert words(tmp_path / name) == ["a"]
        assert list(LineSentence(tmp_path / name)) == [["a"]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_refused_with_advice(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(("\ufeff" * (encoding != "utf-16") + "some words").encode(encoding))
    with pytest.raises(CorpusError, match="UTF-16") as caught:
        words(path)
    assert "iconv" in caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_seen_by_its_zeros(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(("some words and a naïve one in Ελλάδα " * 5).encode(encoding))
    with pytest.raises(CorpusError, match="UTF-16"):
        words(path)


def test_a_file_of_one_or_two_bytes(tmp_path):
    for data in (b"a", b"ab", b"\n", b"\xef\xbb"):
        (tmp_path / "a").write_bytes(data)
        assert read(tmp_path / "a") == data


# -- places -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name, data in {
        "b.txt": b"b",
        "a.txt": b"a",
        "sub/c.txt": gzip.compress(b"c"),
        "z.bin": b"\0\1\2",
        "y.zip": b"PK\x03\x04 without the zero bytes it would have",
        ".hidden/d.txt": b"d",
        ".e.txt": b"e",
    }.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_a_directory_is_walked_in_order_and_binaries_are_counted(tree):
    vocab, corpus = encode(tree, min_count=1)
    assert words(tree) == ["a", "b", "c"]
    assert (corpus.stats.files, corpus.stats.skipped_files) == (3, 2)
    assert "2 binary files skipped" in corpus.stats.summary()
    assert len(vocab) == 3


def test_a_glob_and_a_list(tree):
    assert words(str(tree / "*.txt")) == ["a", "b"]
    assert words(str(tree / "**" / "*.txt")) == ["a", "b", "c"]
    assert words([str(tree / "sub" / "c.txt"), tree / "a.txt"]) == ["c", "a"]
    assert words(str(tree / "*")) == ["a", "b", "c"]
    _, corpus = encode(str(tree / "**"), min_count=1)  # finds sub, and sub/c.txt once more
    assert (corpus.raw_words, corpus.stats.files) == (3, 3)


def test_a_file_named_like_a_glob(tmp_path):
    path = tmp_path / "a[1]*.txt"
    path.write_bytes(b"a")
    assert words(str(path)) == ["a"]


def test_a_binary_given_by_name_is_read(tree):
    (tree / "z.bin").write_bytes(b"a\0b")
    vocab, corpus = encode(tree / "z.bin", min_count=1)
    assert (vocab.words, corpus.stats.nul_bytes, corpus.stats.skipped_files) == (["a", "b"], 1, 0)


@pytest.mark.parametrize("name", ["none.txt", "none/", "a" * 5000, "nul\0nul"])
def test_what_does_not_exist(name):
    with pytest.raises(CorpusError, match="no such file") as caught:
        encode(name)
    assert len(str(caught.value)) < 300


def test_a_glob_without_match(tmp_path):
    with pytest.raises(CorpusError, match="no file matches"):
        encode(str(tmp_path / "*.txt"))


def test_directories_without_text(tmp_path):
    with pytest.raises(CorpusError, match="no files in the directory"):
        encode(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"\0" * 100)
    (tmp_path / "sub").mkdir()
    with pytest.raises(CorpusError, match="no text among 1 file"):
        encode(tmp_path)
    with pytest.raises(CorpusError, match="no files in the directory"):
        PathLineSentences(tmp_path / "sub")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a")
    path.chmod(0)
    with pytest.raises(CorpusError, match="Permission denied"):
        encode(path)


def test_a_disk_error_names_file_and_position():
    class Broken(io.RawIOBase):
        name = "broken.txt"
        given = False

        def read(self, n=-1):
            if self.given:
                raise OSError(5, "Input/output error")
            self.given = True
            return b"some words" * 1000

    with pytest.raises(CorpusError, match=r"cannot read broken.txt after 10,000 bytes of text .*: Input/output error"):
        encode(Broken())


@pytest.mark.parametrize("change", ["cut", "longer", "another"])
def test_a_file_that_changes_while_it_is_read(tmp_path, change):
    path = tmp_path / "text"
    path.write_bytes(b"a b c\n" * 1_000_000)
    done = 0

    def progress(*_):
        nonlocal done
        done += 1
        if done == 2:
            with open(path, "r+b") as file:
                file.truncate(3_000_000 if change == "cut" else 6_000_000)
                if change != "cut":
                    file.seek(0, 2 if change == "longer" else 0)
                    file.write(b"d e f\n")

    with pytest.raises(CorpusError, match=r"text changed while it was read: it had 6,000,000 bytes, and has") as caught:
        encode(path, min_count=1, progress=progress)
    assert "copy" in caught.value.hint


def test_a_file_that_changes_after_it_was_read_is_of_no_interest(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"a b c\n" * 1000)
    _, corpus = encode(path, min_count=1, memory_limit=0)
    before = [corpus.read(k).tolist() for k in range(len(corpus))]
    path.write_bytes(b"d")
    assert [corpus.read(k).tolist() for k in range(len(corpus))] == before
    corpus.close()


def test_a_pipe_that_gives_one_byte_at_a_time(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed():
        with open(pipe, "wb", buffering=0) as file:
            for byte in gzip.compress(b"a b\nc"):
                file.write(bytes([byte]))

    thread = threading.Thread(target=feed)
    thread.start()
    calls = []
    assert words(pipe, progress=lambda *call: calls.append(call)) == ["a", "b", "c"]
    thread.join()
    assert {call[1] for call in calls} == {None}


@pytest.mark.parametrize("data", [b"a b\nc a\n", gzip.compress(b"a b\nc a\n")], ids=["plain", "gzip"])
def test_standard_input(data):
    code = "from w2v.corpus import encode; v, c = encode('-', min_count=1); print(v.words, c.stats.lines)"
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout == b"['a', 'b', 'c'] 2\n"


def test_no_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CorpusError, match="no standard input"):
        encode("-")
    monkeypatch.setattr(sys, "stdin", io.StringIO("a b"))
    assert words("-") == ["a", "b"]


def test_a_text_file_opened_in_the_wrong_encoding(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"caf\xe9")
    with open(path, encoding="utf-8") as file, pytest.raises(CorpusError, match=r"cannot read .*a.txt.*decode"):
        encode(file)
    with pytest.raises(CorpusError, match="closed file"):
        encode(file)


def test_open_files_bytes_and_text():
    assert words(io.BytesIO(b"a b")) == ["a", "b"]
    assert words(io.StringIO("é ü")) == ["é", "ü"]
    assert words([io.BytesIO(b"a"), io.BytesIO(b"b")]) == ["a", "b"]


def test_an_open_file_is_left_open():
    file = io.BytesIO(b"a")
    words(file)
    assert not file.closed


def test_a_url_goes_through_smart_open(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress(b"a b"))
    assert words(path.as_uri()) == ["a", "b"]
    with pytest.raises(CorpusError, match="cannot open nonsense://x"):
        encode("nonsense://x")


def test_the_end_of_a_file_ends_its_last_line(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode())
    vocab, corpus = encode(tmp_path, min_count=1)
    assert corpus.read(0).tolist() == [0, -1, 1, -1]
    assert corpus.stats.lines == 2
    assert vocab.words == ["a", "b"]


def test_place_size():
    assert Place("-").size is None
    assert Place("no such file").size is None
    assert Place(__file__).size == os.path.getsize(__file__)


# -- LineSentence -----------------------------------------------------------------------------------------------------


def test_line_sentence_can_be_iterated_again(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a b c d e\n\nf\r\n")
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        sentences = LineSentence(source)
        assert list(sentences) == list(sentences) == [["a", "b", "c", "d", "e"], ["f"]]
    assert list(LineSentence(path, max_sentence_length=2)) == [["a", "b"], ["c", "d"], ["e"], ["f"]]
    assert list(LineSentence(path, limit=1)) == [["a", "b", "c", "d", "e"]]
    assert list(LineSentence(path, limit=2)) == [["a", "b", "c", "d", "e"]]
    assert list(LineSentence(path, limit=0)) == []


def test_line_sentence_cuts_a_line_of_megabytes_as_it_comes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"ab cd " * 600_000 + b"\nx")
    lengths = [len(s) for s in LineSentence(path)]
    assert lengths == [10_000] * 120 + [1]


def test_line_sentence_with_a_word_of_megabytes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a " + b"x" * 5_000_000 + "\u3000b\nc".encode())
    assert list(LineSentence(path)) == [["a", "b"], ["c"]]


def test_path_line_sentences_reads_one_level_in_order(tree):
    sentences = PathLineSentences(tree)
    assert list(sentences) == [["a"], ["b"]]
    assert [os.path.basename(name) for name in sentences.input_files] == ["a.txt", "b.txt", "y.zip", "z.bin"]
    assert list(PathLineSentences(tree / "a.txt")) == [["a"]]
    with pytest.raises(CorpusError, match="no such file"):
        PathLineSentences(tree / "none")


def test_line_sentence_agrees_with_gensim(tmp_path):
    gensim = pytest.importorskip("gensim.models.word2vec")
    path = tmp_path / "a.txt"
    path.write_text("one two  three\n\n\u00a0x\u3000y\tz\r\n" + "w " * 25, encoding="utf-8")
    for longest in (10_000, 3, 1):
        assert list(LineSentence(path, longest)) == list(gensim.LineSentence(str(path), longest))


def test_line_sentence_refuses_nonsense():
    for kind in (LineSentence, PathLineSentences):
        with pytest.raises(CorpusError, match="list is not the path"):
            list(kind(["a"]))
    with pytest.raises(ConfigError):
        LineSentence("a", max_sentence_length=0)
