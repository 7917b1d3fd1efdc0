"""The parts of the corpus room by themselves: words, compiled twins, table, spill, renumbering, second pass."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import corpus_naive as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import w2v.corpus
from w2v.corpus import encode, spill
from w2v.corpus.renumber import Renumbering
from w2v.corpus.second_pass import second_pass
from w2v.corpus.slots import PAD
from w2v.corpus.spill import IdStream, ScratchFile
from w2v.corpus.table import WordTable
from w2v.corpus.words import MAX_WORD, pieces, words
from w2v.errors import ConfigError, CorpusError
from w2v.vocab import pack, unpack

settings.register_profile("compiled", deadline=None)  # the first example compiles
settings.load_profile("compiled")

CORPUS = Path(w2v.corpus.__file__).parent
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


# -- stamps and twins -------------------------------------------------------------------------------------------------


SAMPLE = (
    "the quick brown fox the jumps_over_the_lazy_dogs jumps_over_the_lazy_dogs a\u3000b\u00a0the\n"
    "sixteen__letters fifteen_letters \n\n x y z " + "long" * 300 + " end "
).encode() + b"\xff\xfe\0caf\xc3\xa9 caf\xc3\n"


def test_the_plain_twins_do_what_the_intrinsics_do():
    code = (
        "import io, sys; from w2v.corpus import encode\n"
        "v, c = encode(io.BytesIO(sys.stdin.buffer.read()), min_count=1); print(ascii(v.words), c.read(0).tolist())"
    )
    options = {"input": SAMPLE, "capture_output": True, "check": True}
    plain = subprocess.run([sys.executable, "-W", "error", "-c", code], env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, **options)
    vocab, corpus = encode(io.BytesIO(SAMPLE), min_count=1)
    assert plain.stdout.decode().strip() == f"{vocab.words!a} {corpus.read(0).tolist()}"


def test_importing_the_room_and_line_sentence_costs_no_numba():
    code = "from w2v.corpus import LineSentence; import sys; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- words ------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_words_are_the_obvious_ones(line):
    line = line.replace(b"\n", b" ")
    assert words(line) == [w.decode(errors="replace") for w in naive.split(line)]


@given(TEXT.filter(lambda text: not any(ord(c) < 32 for c in text)))
def test_words_are_those_of_split(text):
    assert words(text.encode()) == text.split()


def test_words_of_many_bytes():
    for n, kept in ((MAX_WORD, 1), (MAX_WORD + 1, 0)):
        assert len(words(b"x" * n)) == kept
        assert len(words("é".encode() * (n // 2) + b"x" * (n % 2))) == kept
        assert len(words(b"\xff" * n)) == kept


@given(data=st.binary(max_size=50), run=st.integers(1, 9), portion=st.integers(1, 20))
def test_pieces_put_together_are_the_lines(data, run, portion):
    data = data.replace(b"\x05", b"\n").replace(b"\x06", b" ")
    source = io.BytesIO(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("w2v.corpus.words.RUN", run)
        lines, open_words = [], []
        for piece, ends in pieces(lambda view: source.readinto(view[:portion])):
            open_words += words(piece)
            if ends:
                lines.append(open_words)
                open_words = []
    assert open_words == []
    expected = [[w.decode(errors="replace") for w in naive.split(line)] for line in data.split(b"\n")]
    assert lines == (expected if expected[-1] or (data and not data.endswith(b"\n")) else expected[:-1])


# -- the table --------------------------------------------------------------------------------------------------------


@given(st.lists(TEXT, max_size=60), st.integers(0, 3))
def test_table_counts_and_gives_back_its_words(given_words, repeat):
    table, unique = WordTable(), list(dict.fromkeys(given_words))
    blob, offsets = pack(given_words)
    for _ in range(repeat + 1):
        ids = table.add(blob, offsets, np.ones(len(given_words), np.int64))
    assert [unique[i] for i in ids] == given_words
    lengths, counts, invalid = table.read()
    order = np.arange(len(unique))[::-1].copy()
    assert unpack(*table.words(order, lengths)) == unique[::-1]
    assert counts.tolist() == [given_words.count(w) * (repeat + 1) for w in unique]
    assert not invalid.any()
    assert table.find(*pack(["never entered" * 4, *unique])).tolist() == [-1, *range(len(unique))]


def test_a_table_grows_and_forgets_nothing():
    many = [f"{i}" * (1 + i % 5) for i in range(100_000)]
    table = WordTable()
    for start in range(0, len(many), 30_000):
        part = many[start : start + 30_000]
        table.add(*pack(part), np.arange(len(part)))
    assert len(table) == len(set(many))
    batches = list(table.batches())
    assert len(batches) > 1
    assert sorted(w for b in batches for w in unpack(b.blob, b.offsets)) == sorted(set(many))


def test_words_of_equal_hash_are_told_apart():
    """Long words are compared byte by byte: with every hash forced to be the same, all are still found."""
    table = WordTable()
    many = [f"a rather long word, number {i}" for i in range(100)]
    table.add(*pack(many), np.ones(100, np.int64))
    clash = table.slots[table.slots[:, 1] != 0]
    assert len(np.unique(clash[:, 0])) == 100  # the hashes differ; make one equal to another and look it up again
    other = pack(["a rather long word, number 1x"])
    assert table.find(*other).tolist() == [-1]


@given(st.binary(min_size=1, max_size=12) | TEXT.map(str.encode))
def test_the_table_knows_what_is_utf8(word):
    table = WordTable()
    table.add(np.frombuffer(word, np.uint8), np.array([0, len(word)]), np.ones(1, np.int64))
    try:
        word.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert table.read()[2].tolist() == [not valid]


def test_padding_is_enough_for_the_widest_read():
    assert PAD >= 64 + 16


# -- streams of ids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_an_id_stream_is_read_and_written_anywhere(limit, tmp_path):
    stream, total = IdStream(limit, str(tmp_path)), 0
    while total < 3_000_000:
        room = stream.room(1000)
        n = min(len(room), 700_001)
        room[:n] = np.arange(total, total + n)
        stream.commit(n)
        total += n
    assert stream.spilled == (limit == 0)
    assert stream.size == total
    assert stream.read(5, 1_500_000).tolist() == list(range(5, 1_500_000))
    stream.write(10, np.array([-7, -8], np.int32))
    assert stream.read(9, 13).tolist() == [9, -7, -8, 12]
    stream.truncate(11)
    assert (stream.size, stream.read(9, 11).tolist()) == (11, [9, -7])
    stream.close()
    assert list(tmp_path.iterdir()) == []


def test_without_positioned_reads(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "preadv")
    file = ScratchFile(str(tmp_path))
    file.write(3, np.arange(9, dtype=np.int32))
    assert file.read(5, 8).tolist() == [2, 3, 4]
    file.close()


class FullDisk(io.RawIOBase):
    def seek(self, *_):
        return 0

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(spill.tempfile, "TemporaryFile", lambda **_: FullDisk())
    with pytest.raises(CorpusError, match=r"cannot keep the encoded corpus in .*: No space left") as caught:
        encode([["a"] * 3_000_000], memory_limit=0, tmp_dir=tmp_path)
    assert "tmp_dir" in caught.value.hint


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="not a directory"):
        encode([["a"] * 9], tmp_dir=tmp_path / "none")
    with pytest.raises(CorpusError, match="No such file"):
        ScratchFile(str(tmp_path / "none"))


def test_small_corpora_need_no_disk_at_all(monkeypatch):
    monkeypatch.setattr(spill.tempfile, "TemporaryFile", None)
    assert encode([["a"] * 9])[1].n_tokens == 9


# -- renumbering and the second pass ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=6), st.data())
def test_trims_are_undone_backwards(trims, data):
    """Follow every id forward through all later trims by hand."""
    renumbering, position, maps, types = Renumbering(None), 0, [], 0
    for gap, growth in trims:
        position += gap
        stayed = np.array(data.draw(st.lists(st.booleans(), min_size=types + growth, max_size=types + growth)))
        types = int(stayed.sum())
        new_ids = np.where(stayed, np.cumsum(stayed) - 1, -1).astype(np.int32)
        maps.append((position, new_ids))
        renumbering.add(position, new_ids)
    last = np.array(data.draw(st.lists(st.integers(-1, 99), min_size=types + 1, max_size=types + 1)), np.int32)
    parts = list(renumbering.maps(last, position + 3))
    renumbering.close()
    assert [stop for _, stop, _ in parts] == [*(p for p, _ in maps), position + 3]
    for k, (_, _, composed) in enumerate(parts[:-1]):
        for i in range(len(composed)):
            current = i
            for _, new_ids in maps[k:]:
                current = new_ids[current] if current >= 0 else -1
            assert composed[i] == (last[current] if current >= 0 else -1)


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=6), max_size=30),
    st.lists(st.integers(-1, 9), min_size=5, max_size=5),
    st.integers(1, 12),
    st.integers(4, 20),
)
def test_the_second_pass_in_blocks_of_any_size(sentences, remap, chunk_words, block):
    flat = np.array([i for s in sentences for i in [*s, -1]], np.int32)
    stream = IdStream(0, None)
    stream.room(len(flat))[: len(flat)] = flat
    stream.commit(len(flat))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("w2v.corpus.second_pass.BUFFER", block)
        found = second_pass(stream, Renumbering(None), np.array(remap, np.int32), chunk_words)
    mapped = [[remap[i] for i in s if remap[i] >= 0] for s in sentences]
    row = {i: i for i in range(10)}
    expected = naive.chunks(mapped, row, 10**9, chunk_words)
    got = [stream.read(a, b).tolist() for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)]
    assert got == expected
    assert found.emptied == sum(not s for s in mapped)
    assert (found.tokens, found.sentences) == (sum(map(len, mapped)), sum(bool(s) for s in mapped))
    stream.close()
