"""encode(): the same words, counts and ids as the obvious code finds, from any source, however the bytes arrive."""

from __future__ import annotations

import io
import random
import threading
from collections import Counter

import corpus_naive as naive
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from w2v.corpus import LineSentence, PathLineSentences, encode
from w2v.errors import ConfigError, CorpusError
from w2v.vocab import Vocab

# What a byte tokeniser can trip over: every kind of space, half a space, half a letter, words around 8, 15 and 1000
# bytes.
PIECES = [
    *(b"a", b"b", b"word", b"eightbyt", b"ninebytes", b"fifteen_letters", b"sixteen__letters", b"x" * 997, b"y" * 1000),
    *(b" ", b"  ", b"\n", b"\n\n", b"\r\n", b"\t", b"\0", b"\x01", b"\x1c", b"\x0b", b"\x85", b"\x7f"),
    *("é ü ж 中 🌹 ẞ İ Σ".encode().split()),
    *(c.encode() for c in "\u0085\u00a0\u1680\u2000\u2007\u200a\u2028\u202f\u205f\u3000\u200b\ufeff\ufffd"),
    *(
        b"\xff",
        b"\xfe",
        b"\xe2",
        b"\xe2\x80",
        b"\xc2",
        b"\xe3\x80",
        b"\xf0\x9f\x8c",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
    ),
]
SPECIAL_HEADS = (
    b"\x1f\x8b",
    b"BZh91AY",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"PK",
    b"7z",
    b"\x04\x22\x4d\x18",
    b"\xff\xfe",
    b"\xfe\xff",
)
BYTES = (
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)), max_size=120)
    .map(b"".join)
    .map(lambda data: b"a" + data if data.removeprefix(b"\xef\xbb\xbf").startswith(SPECIAL_HEADS) else data)
)


class Dribble(io.RawIOBase):
    """A file that hands out its bytes in portions of arbitrary size, like a pipe."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data, self.sizes, self.at, self.turn = data, sizes, 0, 0

    def read(self, n: int = -1) -> bytes:
        size = self.sizes[self.turn % len(self.sizes)]
        self.turn += 1
        part = self.data[self.at : self.at + min(n, size)]
        self.at += len(part)
        return part


def contents(corpus):
    return [corpus.read(k).tolist() for k in range(len(corpus))]


def check(source, sentences, **options):
    """Encode `source` and compare everything with the obvious code on `sentences`."""
    names = {"max_sentence_length": "longest"}
    words, counts, chunks = naive.encode(sentences, **{names.get(k, k): v for k, v in options.items() if k in KNOWN})
    if not words:
        with pytest.raises(CorpusError):
            encode(source, **options)
        return None
    vocab, corpus = encode(source, **options)
    with corpus:
        assert vocab.words == words
        assert vocab.counts.tolist() == counts
        assert contents(corpus) == chunks
        raw = [w for s in sentences for w in s]
        assert corpus.raw_words == len(raw)
        assert corpus.n_tokens == sum(counts) == sum(i >= 0 for chunk in chunks for i in chunk)
        assert corpus.stats.long_words == raw.count(None)
        assert corpus.stats.sentences == sum(i < 0 for chunk in chunks for i in chunk)
        assert corpus.starts.tolist() == np.cumsum([0, *map(len, chunks)]).tolist()
    return corpus.stats


KNOWN = {"min_count", "lower", "max_sentence_length", "chunk_words"}
LIMITS = st.fixed_dictionaries(
    {"min_count": st.integers(0, 3), "max_sentence_length": st.integers(1, 9), "chunk_words": st.integers(1, 9)}
)


@settings(max_examples=300, deadline=None)
@given(data=BYTES, sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5), limits=LIMITS, lower=st.booleans())
@example(data=b"", sizes=[1], limits={"min_count": 1}, lower=False)
@example(data=b"a\xe2\x80\x80b" * 9, sizes=[1], limits={"min_count": 1}, lower=False)
@example(data=b"\xad \xc2", sizes=[1], limits={"min_count": 1}, lower=False)
@example(data="ΟΔΟΣ οδος Οδός".encode() * 2, sizes=[3], limits={"min_count": 1}, lower=True)
def test_any_bytes_in_any_portions(data, sizes, limits, lower):
    check(Dribble(data, sizes), naive.sentences_of(data), lower=lower, **limits)


@settings(max_examples=100, deadline=None)
@given(data=BYTES)
def test_line_sentence_finds_the_same_words(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(data)
    expected = [[w for w in s if w is not None] for s in naive.sentences_of(data)]
    assert list(LineSentence(path)) == [s for s in expected if s]
    assert list(LineSentence(io.BytesIO(data))) == [s for s in expected if s]


TOKENS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(["a", "b", "a b", "z" * 1001])


@settings(max_examples=200, deadline=None)
@given(sentences=st.lists(st.lists(TOKENS, max_size=8), max_size=8), limits=LIMITS, lower=st.booleans())
def test_lists_of_tokens_are_taken_as_they_are(sentences, limits, lower):
    expected = [[w if len(w.encode()) <= 1000 else None for w in s if w] for s in sentences]
    stats = check(iter(sentences), expected, lower=lower, **limits)
    if stats is not None:
        assert stats.empty_tokens == sum(w == "" for s in sentences for w in s)
        assert stats.lines == len(sentences)


def zipf_text(n: int, seed: int = 0, line: int = 20) -> bytes:
    rng = random.Random(seed)
    words = [f"w{int(rng.paretovariate(0.7))}" if rng.random() < 0.5 else f"r{rng.randrange(n)}" for _ in range(n)]
    return b"\n".join(" ".join(words[i : i + line]).encode() for i in range(0, n, line)) + b"\n"


@pytest.mark.parametrize("line", [7, 60_000])
@pytest.mark.parametrize("memory_limit", [0, 64 << 20])
def test_more_than_a_block_and_more_types_than_the_first_table(line, memory_limit):
    data = zipf_text(400_000, line=line)  # 3 blocks, 100,000 types
    stats = check(io.BytesIO(data), naive.sentences_of(data), min_count=2, memory_limit=memory_limit)
    assert stats.types > 65_536
    assert stats.bytes == len(data)


def test_spilled_and_in_memory_are_the_same_corpus(tmp_path):
    data = zipf_text(1_500_000)
    _, corpus = encode(io.BytesIO(data), memory_limit=0, tmp_dir=tmp_path)
    with corpus:
        assert corpus._ids.spilled
        _, other = encode(io.BytesIO(data))
        assert not other._ids.spilled
        assert corpus.identity == other.identity
        assert np.array_equal(corpus.starts, other.starts)
        assert contents(corpus) == contents(other)
        results = {}

        def read_all(name):
            results[name] = contents(corpus)

        threads = [threading.Thread(target=read_all, args=(i,)) for i in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert all(results[i] == results[0] for i in range(4))
    assert list(tmp_path.iterdir()) == []


def test_identity_is_about_words_and_chunks_alone(tmp_path):
    data = zipf_text(5000)
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    one = encode(path)[1].identity
    assert encode([s.split() for s in data.decode().splitlines()])[1].identity == one
    assert encode(path, vocab=encode(path)[0])[1].identity == one
    assert encode(path, chunk_words=50)[1].identity != one
    assert encode(path, max_sentence_length=7)[1].identity != one
    path.write_bytes(data.replace(b"w1 w2", b"w2 w1", 1))
    assert encode(path)[1].identity != one


def test_reading_a_chunk():
    _, corpus = encode([["a", "b"]], min_count=1)
    chunk = corpus.read(0)
    assert chunk.dtype == np.int32
    assert corpus.starts.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        chunk[0] = 5
    for k in (1, -1):
        with pytest.raises(IndexError):
            corpus.read(k)
    corpus.close()
    corpus.close()
    with pytest.raises(CorpusError, match="closed"):
        corpus.read(0)


@pytest.mark.parametrize("memory_limit", [0, 64 << 20])
def test_reading_several_chunks(memory_limit):
    _, corpus = encode([["a", "b", "c"], ["b"]] * 500, min_count=1, chunk_words=100, memory_limit=memory_limit)
    chunks = [corpus.read(k) for k in range(len(corpus))]
    assert len(chunks) > 10
    for k, stop in ((0, len(corpus)), (3, 4), (2, 9)):
        both = corpus.read(k, stop)
        np.testing.assert_array_equal(both, np.concatenate(chunks[k:stop]))
        assert not both.flags.writeable
    for k, stop in ((0, 0), (5, 5), (5, 4), (-1, 2), (0, len(corpus) + 1)):
        with pytest.raises(IndexError):
            corpus.read(k, stop)


@pytest.mark.parametrize("memory_limit", [0, 64 << 20])
def test_a_line_with_nothing_but_unicode_spaces(memory_limit):
    """The careful path alone: it must stop and go on where the table grows and where the ids are written out."""
    numbers = [str(i % 100_000) for i in range(1_200_000)]
    vocab, corpus = encode(io.BytesIO("\u3000".join(numbers).encode()), min_count=1, memory_limit=memory_limit)
    with corpus:
        assert (len(vocab), corpus.raw_words, corpus.stats.cuts) == (100_000, 1_200_000, 119)
        ids = np.concatenate([corpus.read(k) for k in range(len(corpus))])
        assert [vocab.words[i] for i in ids[ids >= 0].tolist()] == numbers


def test_the_bundled_corpus(austen):
    sentences = list(LineSentence(austen))
    vocab, corpus = encode(austen)
    counts = Counter(word for sentence in sentences for word in sentence)
    assert dict(zip(vocab.words, vocab.counts.tolist(), strict=True)) == {w: n for w, n in counts.items() if n >= 5}
    assert corpus.raw_words == counts.total()
    assert encode(iter(sentences))[1].identity == corpus.identity


# -- a given vocabulary -----------------------------------------------------------------------------------------------


def test_a_given_vocabulary_keeps_its_counts_and_order():
    vocab = Vocab.from_counts({"b": 90, "a": 50, "never": 10})
    same, corpus = encode([["a", "x", "b", "a"], ["x"], ["b"]], vocab=vocab)
    assert same is vocab
    assert vocab.counts.tolist() == [90, 50, 10]
    assert contents(corpus) == [[1, 0, 1, -1, 0, -1]]
    assert (corpus.raw_words, corpus.n_tokens, corpus.stats.emptied_sentences) == (6, 4, 1)
    assert corpus.stats.types == 3


def test_a_given_vocabulary_with_lower_and_with_invalid_text():
    vocab = Vocab.from_counts({"a": 3, "B": 2, "x�": 1})
    _, corpus = encode(io.BytesIO(b"A a B b x\xff X\xfe y\xff"), vocab=vocab, lower=True)
    assert contents(corpus) == [[0, 0, 2, 2, -1]]
    assert corpus.stats.invalid_words == 3


@settings(max_examples=50, deadline=None)
@given(data=BYTES)
def test_its_own_vocabulary_gives_the_same_ids(data):
    try:
        vocab, corpus = encode(io.BytesIO(data), min_count=1)
    except CorpusError:
        return
    assert contents(encode(io.BytesIO(data), vocab=vocab)[1]) == contents(corpus)


def test_no_word_of_the_vocabulary_in_the_text():
    with pytest.raises(CorpusError, match="none of the 2 words"):
        encode([["a", "b"]], vocab=Vocab.from_counts({"c": 1}))


def test_a_vocabulary_with_a_word_twice_is_refused():
    twice = Vocab(np.frombuffer(b"aa", np.uint8), np.array([0, 1, 2]), np.array([1, 1]))
    with pytest.raises(ConfigError, match="twice"):
        encode([["a"]], vocab=twice)


# -- trimming ---------------------------------------------------------------------------------------------------------


def naive_trim(words, limit):
    """word2vec.c's ReduceVocab by hand: what is left of the counts, and which occurrences still count."""
    counts, alive, least = {}, [True] * len(words), 1
    for i, word in enumerate(words):
        if word not in counts and len(counts) == limit:
            threshold = least
            while sum(n > threshold for n in counts.values()) > limit - max(1, limit // 4):
                threshold += 1
            gone = {w for w, n in counts.items() if n <= threshold}
            least = threshold + 1
            for j in range(i):
                alive[j] = alive[j] and words[j] not in gone
            counts = {w: n for w, n in counts.items() if w not in gone}
        counts[word] = counts.get(word, 0) + 1
    return counts, [w for w, ok in zip(words, alive, strict=True) if ok]


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.integers(0, 30).map(lambda n: f"{n:03}" * (1 + n % 7)), min_size=1, max_size=300),
    limit=st.integers(1, 20),
)
def test_trimming_forgets_what_word2vec_c_forgets(words, limit):
    counts, stream = naive_trim(words, limit)
    vocab, corpus = encode([words], min_count=1, max_vocab_size=limit, memory_limit=0)
    assert {w: int(n) for w, n in zip(vocab.words, vocab.counts, strict=True)} == counts
    assert [vocab.words[i] for chunk in contents(corpus) for i in chunk if i >= 0] == stream
    assert corpus.stats.trimmed_words == len(words) - len(stream)
    assert corpus.raw_words == len(words)


def test_trimming_in_text_does_not_depend_on_portions():
    data = zipf_text(100_000)
    results = [encode(Dribble(data, [n]), max_vocab_size=3000)[1] for n in (1 << 20, 777)]
    assert results[0].identity == results[1].identity
    assert results[0].stats == results[1].stats
    assert results[0].stats.trimmed_types > 0
    assert "trimmed while counting" in results[0].stats.summary()


def test_trimming_never_forgets_a_given_vocabulary():
    words = [f"w{i}" for i in range(5000)]
    vocab = Vocab.from_counts({f"w{i}": 1 for i in range(0, 5000, 10)})
    _, corpus = encode([words, words], vocab=vocab, max_vocab_size=10)
    assert corpus.n_tokens == 1000
    assert corpus.stats.trimmed_types > 0


# -- what is odd ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"", b"\n", b" ", b" b\n"])
def test_a_word_of_a_megabyte_is_left_out_and_counted(end):
    data = b"a " + b"x" * 3_000_000 + end
    stats = check(io.BytesIO(data), naive.sentences_of(data), min_count=1)
    assert (stats.long_words, stats.lines) == (1, 1)


def test_long_words_between_unicode_spaces():
    data = ("\u3000".join(["a", "x" * 1001, "b", "y" * 2_000_000, "c"]) + "\u00a0").encode()
    for size in (1 << 20, 65_537):
        stats = check(Dribble(data, [size]), naive.sentences_of(data), min_count=1)
        assert (stats.long_words, stats.raw_words) == (2, 5)


@pytest.mark.parametrize("n", [999, 1000, 1001, 1002, 1003, 1004, 1005, 2000])
@pytest.mark.parametrize("space", ["\u3000", "\u00a0", " "])
def test_the_longest_word_whatever_the_portions(n, space):
    data = ("é" + "x" * (n - 2) + space + "b").encode()
    for size in (1, 3, n, n + 1, n + 2, 1 << 20):
        check(Dribble(data, [size]), naive.sentences_of(data), min_count=1)


def test_a_long_line_is_cut_never_dropped():
    data = b"a b c d e " * 100_000  # no line end at all
    vocab, corpus = encode(io.BytesIO(data), min_count=1)
    assert corpus.n_tokens == 500_000
    assert corpus.stats.cuts == 49
    assert corpus.stats.sentences == 50
    assert max(np.diff(corpus.starts)) == 10_001
    assert vocab.words == ["a", "b", "c", "d", "e"]


def test_counts_of_odd_bytes():
    _, corpus = encode(io.BytesIO(b"\xef\xbb\xbfa\0b\r\n\r\n \0\n\xffc a\n\n\n"), min_count=1)
    stats = corpus.stats
    assert (stats.nul_bytes, stats.invalid_words, stats.lines, stats.blank_lines) == (2, 1, 6, 4)
    assert stats.raw_words == 4
    assert "2 NUL bytes taken as spaces" in stats.summary()
    assert "1 word with invalid UTF-8" in stats.summary()


def test_different_broken_words_that_look_alike_are_one_word():
    vocab, corpus = encode(io.BytesIO(b"x\xff x\xfe x\xf0 x x\xff"), min_count=1)
    assert dict(zip(vocab.words, vocab.counts.tolist(), strict=True)) == {"x�": 4, "x": 1}
    assert contents(corpus) == [[0, 0, 0, 1, 0, -1]]
    assert corpus.stats.invalid_words == 4


def test_max_final_vocab_and_the_min_count_that_was_needed():
    vocab, corpus = encode([["a"] * 5 + ["b"] * 3 + ["c"] * 2], min_count=1, max_final_vocab=2)
    assert vocab.words == ["a", "b"]
    assert corpus.stats.min_count == 3


@pytest.mark.parametrize("name", ["max_vocab_size", "max_final_vocab", "max_sentence_length", "chunk_words"])
def test_limits_below_one_are_refused(name):
    for value in (0, -1, 1.5, "9", True):
        with pytest.raises(ConfigError, match=name):
            encode([["a"]], **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": -1}, "min_count"),
        ({"memory_limit": -1}, "memory_limit"),
        ({"vocab": "vocab.txt"}, "not a Vocab"),
        ({"vocab": Vocab.from_counts({"a": 1}), "max_final_vocab": 1}, "cannot shrink"),
        ({"tokenizer": "split"}, "callable"),
    ],
)
def test_other_nonsense_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        encode([["a"]], **options)


def test_everything_under_min_count():
    with pytest.raises(CorpusError, match="fewer than 5") as caught:
        encode([["rose", "is", "a", "rose"]])
    assert "'rose', occurs 2 times" in caught.value.hint


@pytest.mark.parametrize("source", [[], [[]], iter([]), io.BytesIO(b""), io.BytesIO(b" \n\n"), [["", ""]]])
def test_no_words_at_all(source):
    with pytest.raises(CorpusError, match="no words"):
        encode(source)


def test_progress_reports_bytes_and_words(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a b c\n" * 500_000)
    calls = []
    encode([path, path], progress=lambda *call: calls.append(call))
    assert calls[-1] == (6_000_000, 6_000_000, 3_000_000)
    assert calls == sorted(calls)
    calls.clear()
    encode(iter([["a"] * 9]), progress=lambda *call: calls.append(call))
    assert calls == [(19, None, 9)]


def test_an_error_in_the_callers_code_passes_through_and_leaves_nothing(tmp_path):
    def sentences():
        yield ["a"] * 3_000_000
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        encode(sentences(), memory_limit=0, tmp_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        encode(io.BytesIO(b"a b"), progress=lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert list(tmp_path.iterdir()) == []


# -- what users hand in -----------------------------------------------------------------------------------------------


def test_texts_with_a_tokenizer():
    texts = ["Rose is, a rose", "a rose."]
    vocab, corpus = encode(texts, tokenizer=lambda t: t.lower().replace(",", "").split(), min_count=1)
    assert vocab.words == ["a", "rose", "is", "rose."]
    assert corpus.stats.files == 0
    assert encode((t for t in texts), tokenizer=str.split, min_count=2)[0].words == ["a"]


def test_files_with_a_tokenizer(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a,b\nb\xff,c\n")
    for source in (path, str(path), [path], io.BytesIO(path.read_bytes())):
        vocab, corpus = encode(source, tokenizer=lambda t: t.split(","), min_count=1)
        assert vocab.words == ["a", "b", "b�", "c"]
        assert (corpus.stats.files, corpus.stats.lines, corpus.stats.invalid_words) == (1, 2, 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (iter(["a b", "c d"]), "sentences are strings"),
        (["no such file.txt", "b"], "no such file"),
        ([["a"], "b c"], "sentences are strings"),
        ([["a", 3]], "a token is int 3"),
        ([["a", b"b"]], "a token is bytes"),
        ([["a", None]], "a token is NoneType"),
        ([b"a b"], "a sentence is bytes"),
        ([3], "a sentence is int"),
        (3, "int is not a corpus"),
        (None, "NoneType is not a corpus"),
        (b"a b", "given as bytes"),
        ([["a\ud800"]], "lone surrogate"),
        ([["a" + chr(0xDCFF), "b"]], "lone surrogate"),
        ([["a" + chr(0xDCFE), "b"]], "lone surrogate"),
        ({"a": 1}, "sentences are strings"),
    ],
)
def test_what_is_not_a_corpus_is_told_in_one_line(source, message):
    with pytest.raises(CorpusError, match=message) as caught:
        encode(source, min_count=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "tokenizer", "message"),
    [
        (["a"], str.lower, "returned a string"),
        ([["a"]], str.split, "a text is list"),
        (iter([b"a"]), str.split, "a text is bytes"),
        (["a"], lambda t: [1], "a token is int"),
        (["a"], lambda t: None, "a sentence is NoneType"),
    ],
)
def test_misused_tokenizers(source, tokenizer, message):
    with pytest.raises(CorpusError, match=message):
        encode(source, tokenizer=tokenizer)


def test_any_iterable_of_iterables_will_do():
    sentences = ((w for w in s) for s in (["a", "b"], ("a",)))
    assert encode(sentences, min_count=1)[0].counts.tolist() == [2, 1]
    assert encode(np.array([["a", "b"], ["a", "c"]]), min_count=1)[0].words == ["a", "b", "c"]


def test_line_sentence_is_read_as_the_file_it_stands_for(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a b c\nd a b\n" * 50)
    with encode(LineSentence(path))[1] as corpus:
        assert corpus.stats.files == 1
        plain = corpus.identity
    assert encode(PathLineSentences(tmp_path))[1].identity == plain
    assert encode(LineSentence(path, limit=10))[1].raw_words == 30
    assert encode(LineSentence(path, max_sentence_length=2))[1].stats.sentences == 200


def test_closing_removes_what_was_spilled(tmp_path):
    _, corpus = encode([["a"] * 3_000_000], memory_limit=0, tmp_dir=tmp_path)
    assert corpus._ids.spilled
    corpus.close()
    assert list(tmp_path.iterdir()) == []
