"""The vocabulary: order, pruning, look-up, word2vec.c's file format, and what to say about a typo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2v.errors import ConfigError, CorpusError, FormatError, WordError
from w2v.vocab import Vocab, effective_min_count, frequency_order, gather, nearest_words, pack, unpack

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
COUNTS = st.dictionaries(WORDS, st.integers(0, 5), min_size=1, max_size=40)


def by_the_rule(counts: dict[str, int]) -> list[str]:
    return sorted(counts, key=lambda word: (-counts[word], word.encode()))


@given(COUNTS)
def test_order_is_by_count_then_by_bytes(counts):
    vocab = Vocab.from_counts(counts, min_count=0)
    assert vocab.words == by_the_rule(counts)
    assert vocab.counts.tolist() == [counts[word] for word in vocab.words]
    assert [vocab.index(word) for word in vocab.words] == list(range(len(counts)))


@pytest.mark.parametrize("tail", ["", "a", "b", "\0", "\0\0", "é", "xyz" * 9])
def test_words_alike_for_sixteen_bytes_are_ordered_by_the_rest(tail):
    counts = {"sixteen  letters" + end: 3 for end in {tail, "a", "ab", "b", ""}} | {"first": 4}
    assert Vocab.from_counts(counts).words == by_the_rule(counts)


@given(st.lists(WORDS))
def test_pack_and_unpack(words):
    blob, offsets = pack(words)
    assert unpack(blob, offsets) == words
    assert offsets.dtype == np.int64
    assert blob.dtype == np.uint8


@given(st.lists(WORDS, min_size=1), st.data())
def test_gather_takes_words_in_any_order(words, data):
    ids = np.array(data.draw(st.lists(st.integers(0, len(words) - 1))), np.int64)
    assert unpack(*gather(*pack(words), ids)) == [words[i] for i in ids]


def test_gather_across_its_batches():
    words = [str(i) for i in range(200_000)]
    ids = np.arange(len(words))[::-1].copy()
    assert unpack(*gather(*pack(words), ids)) == words[::-1]


def test_frequency_order_of_nothing():
    assert frequency_order(*pack([]), np.zeros(0, np.int64)).tolist() == []


def test_unpack_repairs_what_is_not_utf8():
    assert unpack(np.frombuffer(b"a\xffb", np.uint8), np.array([0, 2, 3])) == ["a�", "b"]
    assert unpack(np.frombuffer("é".encode(), np.uint8), np.array([0, 1, 2])) == ["�", "�"]


def test_min_count_and_total():
    vocab = Vocab.from_counts({"a": 5, "b": 2, "c": 1}, min_count=2)
    assert (vocab.words, vocab.total, len(vocab)) == (["a", "b"], 7, 2)
    assert "c" not in vocab
    assert ["a"] not in [vocab]
    assert vocab.get("c") is None
    assert vocab.get("c", -1) == -1
    assert list(vocab) == ["a", "b"]


@pytest.mark.parametrize(("limit", "expected"), [(1, ["a"]), (2, ["a", "b"]), (3, ["a", "b"]), (4, ["a", "b", "c", "d"])])
def test_max_final_vocab_raises_min_count_and_never_parts_equals(limit, expected):
    counts = {"a": 9, "b": 7, "c": 3, "d": 3, "e": 1}
    assert Vocab.from_counts(counts, max_final_vocab=limit).words == expected


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(0, 6), st.integers(1, 12))
def test_effective_min_count_is_the_least_that_does(counts, min_count, limit):
    array = np.array(counts)
    least = effective_min_count(array, min_count, limit)
    assert least >= min_count
    assert (array >= least).sum() <= limit or (least == min_count and len(counts) <= limit)
    assert least == min_count or (array >= least - 1).sum() > limit


def test_words_and_counts_as_two_sequences():
    assert Vocab.from_counts((["b", "a"], np.array([1, 2], np.uint32))).words == ["a", "b"]
    assert Vocab.from_counts((iter(["b", "a"]), iter([1, 2]))) == Vocab.from_counts({"a": 2, "b": 1})


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((["a", "a"], [1, 2]), "'a' is given twice"),
        ((["a"], [1, 2]), "1 words but 2 counts"),
        ({"a": 1.5}, "whole numbers"),
        ({"a": -1}, "between 0"),
        ({"a": 2**70}, "whole numbers"),
        ({"a": True}, "whole numbers"),
        ((["a"], np.array([2**63 + 5], np.uint64)), "between 0"),
        ({"": 1}, "empty string"),
        ({3: 1}, "must be strings"),
        ({"\ud800": 1}, "no UTF-8"),
    ],
)
def test_nonsense_is_refused(counts, message):
    with pytest.raises(ConfigError, match=message):
        Vocab.from_counts(counts)


def test_nothing_left_names_the_commonest_word():
    with pytest.raises(CorpusError, match="fewer than 5") as caught:
        Vocab.from_counts({"rose": 3, "a": 1}, min_count=5)
    assert "'rose', occurs 3 times" in caught.value.hint
    with pytest.raises(CorpusError, match="max_final_vocab=1") as caught:
        Vocab.from_counts({"a": 3, "b": 3}, max_final_vocab=1)
    assert "2 words share" in caught.value.hint
    with pytest.raises(CorpusError, match="no words"):
        Vocab.from_counts({})


def test_an_unknown_word_gets_near_words():
    with pytest.raises(WordError, match="'qeen' is not in the vocabulary") as caught:
        Vocab.from_counts({"queen": 2, "king": 3}).index("qeen")
    assert caught.value.hint == "did you mean 'queen'?"
    with pytest.raises(WordError) as caught:
        Vocab.from_counts({"queen": 2}).index("zzzzzz")
    assert caught.value.hint is None


def test_arrays_are_what_is_promised():
    vocab = Vocab.from_counts({"é": 2, "bc": 3})
    assert bytes(vocab.blob) == "bcé".encode()
    assert vocab.offsets.tolist() == [0, 2, 4]
    assert vocab.counts.dtype == vocab.offsets.dtype == np.int64


def test_digest_and_equality_see_words_counts_and_order():
    one, same = (Vocab.from_counts({"a": 2, "b": 1}) for _ in range(2))
    assert (one.digest, one) == (same.digest, same)
    for other in ({"a": 3, "b": 1}, {"a": 2, "c": 1}, {"ab": 2}, {"a": 1, "b": 2}):
        assert Vocab.from_counts(other) != one
        assert Vocab.from_counts(other).digest != one.digest
    assert one != "a"


# -- word2vec.c's format ----------------------------------------------------------------------------------------------


@given(counts=COUNTS)
def test_file_round_trip(tmp_path_factory, counts):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    kept = {word: n for word, n in counts.items() if "\n" not in word}
    if kept:
        vocab = Vocab.from_counts(kept, min_count=0)
        vocab.save(path)
        assert Vocab.load(path) == vocab


def test_the_format_is_word2vec_c_s(tmp_path):
    path = tmp_path / "vocab.txt"
    Vocab.from_counts({"the": 30, "rose": 2}).save(path)
    assert path.read_bytes() == b"the 30\nrose 2\n"
    path.write_bytes(b"</s> 17\r\nrose 2\r\nnew york 4\r\ntab\t3")
    assert Vocab.load(path).words == ["new york", "tab", "rose"]


def test_a_line_end_in_a_word_cannot_be_saved_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("old 1\n")
    with pytest.raises(FormatError, match="line end"):
        Vocab.from_counts({"a\nb": 1}).save(path)
    assert path.read_text() == "old 1\n"
    assert [p.name for p in tmp_path.iterdir()] == ["vocab.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"rose 2\nbad\n", "line 2: expected a word and its count"),
        (b"rose two\n", "line 1"),
        (b"rose -2\n", "line 1"),
        (b"rose 2\n\nking 1\n", "line 2"),
        (b" 2\n", "line 1"),
        (b"rose 99999999999999999999\n", "line 1"),
        (b"\xff\xfe 2\n", "not UTF-8"),
        (b"rose 2\nrose 1\n", "'rose' is given twice"),
        (b"", "holds no words"),
        (b"</s> 3\n", "holds no words"),
    ],
)
def test_broken_vocabulary_files_are_named_with_the_line(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        Vocab.load(path)
    assert "vocab.txt" in str(caught.value)


def test_a_missing_vocabulary_file(tmp_path):
    with pytest.raises(FormatError, match="No such file"):
        Vocab.load(tmp_path / "none.txt")


# -- typos ------------------------------------------------------------------------------------------------------------


def edit_distance(a: str, b: str) -> int:
    """Optimal string alignment, by the book."""
    d = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
    return d[len(a), len(b)]


@given(st.text("abc", min_size=1, max_size=8), st.lists(st.text("abc", min_size=1, max_size=8), unique=True))
def test_nearest_words_are_nearest(word, words):
    slack = max(1, len(word) // 3)
    likely = [w for w in words if edit_distance(word, w) <= slack]
    assert nearest_words(word, words, n=3) == sorted(likely, key=lambda w: edit_distance(word, w))[:3]


def test_nearest_words_ignores_case_and_prefers_the_commoner():
    assert nearest_words("Untied", ["king", "united", "untied"]) == ["untied", "united"]
    assert nearest_words("kin", ["king", "kind", "kit"], n=2) == ["king", "kind"]
    assert nearest_words("", ["a"]) == []
    assert nearest_words("a", []) == []
    assert nearest_words("x" * 100_000, ["a" * 50_000]) == []
