"""Collocations: scores worked by hand, gensim's answers on random text, and files that hold no code."""

from __future__ import annotations

import io
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2v import FrozenPhrases, Phraser, Phrases
from w2v.errors import ConfigError, FormatError, TruncatedError
from w2v.phrases import ENGLISH_CONNECTOR_WORDS, npmi_scorer, original_scorer

TEXT = [
    "the bank of america is in new york".split(),
    "new york is big".split(),
    "i saw the bank of america in new york".split(),
    "new ideas".split(),
]


def always_one(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    return 1


def numpy_score(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    return np.float32(bigram_count / 2)


def not_a_scorer(word):
    raise RuntimeError("a file made us run this")


def make(**options):
    return Phrases(TEXT, **{"min_count": 1, "threshold": 1.0, "connector_words": {"of", "the", "in", "is"}, **options})


# --- scores


def test_default_score_worked_by_hand():
    phrases = make()
    # new: 4 times, york: 3, "new york": 3
    vocab = len(phrases.vocab)
    assert (phrases.vocab["new"], phrases.vocab["york"], phrases.vocab["new_york"]) == (4, 3, 3)
    assert phrases.export_phrases()["new_york"] == (3 - 1) / (4 * 3) * vocab


def test_npmi_score_worked_by_hand():
    # p(a) = p(b) = 1/4, p(ab) = 1/8: ln 2 / ln 8 = 1/3
    assert npmi_scorer(4, 4, 2, 0, 1, 16) == pytest.approx(1 / 3)
    assert npmi_scorer(4, 4, 2, 0, 3, 16) == -math.inf


@pytest.mark.parametrize("counts", [(0, 3, 1), (3, 0, 1), (0, 0, 0)])
def test_unseen_words_never_score(counts):
    assert original_scorer(*counts, 10, 1, 10) == -math.inf
    assert npmi_scorer(*counts, 10, 0, 10) == -math.inf


def test_npmi_without_a_corpus_count_is_no_phrase():
    assert npmi_scorer(1, 1, 1, 1, 1, 0) == -math.inf
    assert npmi_scorer(1, 1, 1, 1, 1, 1) == -math.inf


# --- joining


def test_connector_words_join_inside_and_stay_out_at_the_ends():
    phrases = make()
    assert phrases["the bank of america in new york".split()] == ["the", "bank_of_america", "in", "new_york"]
    assert phrases[["of", "bank", "of"]] == ["of", "bank", "of"]


def test_analysis_gives_scores_to_phrases_alone():
    found = list(make().analyze_sentence(["in", "new", "york", "city"]))
    assert [token for token, _ in found] == ["in", "new_york", "city"]
    assert [score is None for _, score in found] == [True, False, True]


def test_empty_words_are_kept():
    """gensim drops them: it asks whether the first word is true, not whether there is one."""
    assert make()[["", "york", ""]] == ["", "york", ""]


def test_a_stream_is_joined_lazily_and_again():
    joined = make()[TEXT]
    assert len(joined) == len(TEXT)
    assert list(joined) == list(joined)
    assert joined[1] == ["new_york", "is", "big"]
    assert list(make()[iter(TEXT)]) == list(joined)
    assert list(make()[(iter(s) for s in TEXT)]) == list(joined)


def test_empty_input():
    assert make()[[]] == []
    assert list(make()[[[], []]]) == [[], []]


def test_trigrams_by_a_second_pass_survive_freezing():
    """gensim's export splits "new_york_times" into three and loses it, as "new" and "york" stand alone nowhere."""
    text = [["new", "york", "times"]] * 6 + [["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]]
    first = Phrases(text, min_count=1, threshold=1)
    second = Phrases(first[text], min_count=1, threshold=1)
    sentence = first[["new", "york", "times"]]
    assert second[sentence] == ["new_york_times"]
    assert second.freeze()[sentence] == ["new_york_times"]


def test_frozen_joins_what_the_model_joins():
    phrases = make()
    assert isinstance(phrases.freeze(), Phraser)
    assert list(phrases.freeze()[TEXT]) == list(phrases[TEXT])
    assert phrases.find_phrases(TEXT) == phrases.freeze().find_phrases(TEXT)


# --- counting


def test_counting_in_parts_is_counting_at_once():
    whole, parts = make(), make()
    parts.vocab.clear()
    parts.corpus_word_count = 0
    parts.add_vocab(TEXT[:2])
    parts.add_vocab(iter(TEXT[2:]))
    assert parts.vocab == whole.vocab
    assert parts.corpus_word_count == whole.corpus_word_count == sum(map(len, TEXT))


def test_pruning_keeps_the_vocabulary_small_and_the_frequent():
    text = [[f"rare{i}", "often", f"rarer{i}"] for i in range(200)]
    phrases = Phrases(text, max_vocab_size=20)
    assert len(phrases.vocab) <= 20
    assert phrases.vocab["often"] == 200


def test_a_string_as_a_sentence_is_warned_of(caplog):
    Phrases(["new york"])
    assert "letter by letter" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"min_count": 0},
        {"threshold": 0},
        {"threshold": 1.5, "scoring": "npmi"},
        {"scoring": "pmi"},
        {"scoring": 3},
        {"scoring": lambda a, b: 1.0},
        {"delimiter": ""},
        {"delimiter": b"_"},
    ],
)
def test_bad_parameters(options):
    with pytest.raises(ConfigError):
        make(**options)


# --- gensim's answers


words = st.sampled_from(["a", "b", "c", "d", "of", "the", "x_y"])
texts = st.lists(st.lists(words, max_size=12), min_size=1, max_size=20)


@pytest.mark.parametrize("scoring", ["default", "npmi"])
@settings(max_examples=60, deadline=None)
@given(
    text=texts,
    connectors=st.sampled_from([frozenset(), frozenset({"of", "the"})]),
    min_count=st.integers(1, 3),
    max_vocab_size=st.sampled_from([6, 40_000_000]),
)
def test_same_counts_and_phrases_as_gensim(scoring, text, connectors, min_count, max_vocab_size):
    theirs = pytest.importorskip("gensim.models.phrases")
    options = {
        "min_count": min_count,
        "threshold": 0.2,
        "scoring": scoring,
        "connector_words": connectors,
        "max_vocab_size": max_vocab_size,
    }
    ours, gensims = Phrases(text, **options), theirs.Phrases(text, **options)
    assert dict(ours.vocab) == gensims.vocab
    ours.add_vocab(text)
    gensims.add_vocab(text)
    assert (dict(ours.vocab), ours.min_reduce) == (gensims.vocab, gensims.min_reduce)
    try:
        joined = list(gensims[text])
    except ZeroDivisionError:  # gensim's npmi, when every pair is the same pair
        return
    assert list(ours[text]) == joined
    exported = ours.export_phrases()
    assert gensims.export_phrases().items() <= exported.items()
    assert gensims.find_phrases(text) == ours.find_phrases(text)


def test_connector_words_are_gensims():
    theirs = pytest.importorskip("gensim.models.phrases")
    assert ENGLISH_CONNECTOR_WORDS == theirs.ENGLISH_CONNECTOR_WORDS


# --- gensim's files


@pytest.mark.parametrize("options", [{}, {"scoring": "npmi", "threshold": 0.1}, {"connector_words": {"of", "the"}}])
def test_gensims_files_are_read(tmp_path, options):
    theirs = pytest.importorskip("gensim.models.phrases")
    gensims = theirs.Phrases(TEXT, **{"min_count": 1, "threshold": 1, **options})
    gensims.save(str(tmp_path / "phrases.pkl"))
    gensims.freeze().save(str(tmp_path / "phraser.pkl"))
    phrases, phraser = (Phrases.load(tmp_path / name) for name in ("phrases.pkl", "phraser.pkl"))
    assert isinstance(phraser, FrozenPhrases)
    assert (phrases.vocab, phrases.corpus_word_count) == (gensims.vocab, gensims.corpus_word_count)
    assert phraser.phrasegrams == gensims.freeze().phrasegrams
    assert list(phrases[TEXT]) == list(phraser[TEXT]) == list(gensims[TEXT])


def test_gensims_file_with_a_scorer_of_ones_own(tmp_path):
    theirs = pytest.importorskip("gensim.models.phrases")
    theirs.Phrases(TEXT, min_count=1, scoring=always_one).save(str(tmp_path / "phrases.pkl"))
    assert Phrases.load(tmp_path / "phrases.pkl").scoring is always_one


class _Bomb:
    def __reduce__(self):
        return not_a_scorer, ("boom",)


@pytest.mark.parametrize("content", [_Bomb(), [1, 2], {"vocab": _Bomb()}, Phrases])
def test_other_pickles_are_refused_and_never_run(tmp_path, content):
    (tmp_path / "pickle").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(FormatError):
        Phrases.load(tmp_path / "pickle")


# --- files


@pytest.mark.parametrize("scoring", ["default", "npmi", always_one, numpy_score])
@pytest.mark.parametrize("frozen", [False, True])
def test_round_trip(tmp_path, scoring, frozen):
    model = make(scoring=scoring, threshold=0.5, delimiter="\t")
    model = model.freeze() if frozen else model
    model.save(tmp_path / "phrases")
    again = Phrases.load(tmp_path / "phrases")
    assert type(again) is type(model)
    kept = model.__dict__.keys()
    assert {name: again.__dict__[name] for name in kept} == model.__dict__
    assert list(again[TEXT]) == list(model[TEXT])


def test_a_loaded_model_goes_on_counting(tmp_path):
    model = make()
    model.save(tmp_path / "phrases")
    again = Phrases.load(tmp_path / "phrases")
    again.add_vocab(TEXT)
    assert again.vocab["new_york"] == 2 * model.vocab["new_york"]


def test_save_to_an_open_file(tmp_path):
    buffer = io.BytesIO()
    make().save(buffer)
    (tmp_path / "phrases").write_bytes(buffer.getvalue())
    assert Phrases.load(tmp_path / "phrases").vocab == make().vocab


def test_odd_words_survive(tmp_path):
    text = [["\ud800", "é", "a\nb", '"', ""]] * 3
    model = Phrases(text, min_count=1)
    model.save(tmp_path / "phrases")
    assert Phrases.load(tmp_path / "phrases").vocab == model.vocab


def test_a_lambda_is_asked_for_when_loading(tmp_path):
    model = make(scoring=lambda worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count: 2)
    model.save(tmp_path / "phrases")
    with pytest.raises(ConfigError, match="lambda") as error:
        Phrases.load(tmp_path / "phrases")
    assert "scoring=" in error.value.hint
    assert Phrases.load(tmp_path / "phrases", scoring=always_one).scoring is always_one
    assert Phrases.load(tmp_path / "phrases", scoring="npmi").scoring is npmi_scorer


@pytest.mark.parametrize(
    "name", [f"{__name__}:not_a_scorer", "os:system", "builtins:eval", "antigravity:x", "__main__:", 3, None]
)
def test_a_file_cannot_name_code_to_run(tmp_path, name):
    make(scoring=always_one).save(tmp_path / "phrases")
    header, rest = (tmp_path / "phrases").read_text().split("\n", 1)
    changed = json.dumps({**json.loads(header), "scoring": name})
    (tmp_path / "phrases").write_text(changed + "\n" + rest)
    with pytest.raises(ConfigError):
        Phrases.load(tmp_path / "phrases")
    assert "antigravity" not in sys.modules


def test_broken_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "phrases"
    make().save(path)
    good = path.read_bytes()
    path.write_bytes(good[:-20])
    with pytest.raises(TruncatedError):
        Phrases.load(path)
    path.write_bytes(good.split(b"\n", 1)[0] + b"\n")
    with pytest.raises(TruncatedError):
        Phrases.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"[1]\n",
        b'{"format": "other"}\n',
        b'{"format": "w2v phrases", "version": 99}\n',
        b'{"format": "w2v phrases", "version": 1, "entries": 0, "scoring": "default"}\n',
        b'{"format": "w2v phrases", "version": 1, "entries": 1}\n{"a": "b"}\n',
        b"[" * 100_000,
    ],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "phrases").write_bytes(content)
    with pytest.raises(FormatError):
        Phrases.load(tmp_path / "phrases")


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "phrases"
    make().save(path)
    before = path.read_bytes()
    broken = make()
    broken.vocab["bad"] = object()
    with pytest.raises(TypeError):
        broken.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["phrases"]


def test_pickle_options_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="pickle_protocol"):
        make().save(tmp_path / "phrases", pickle_protocol=4)


def test_phrases_need_no_numba():
    code = "import sys, w2v.phrases; assert not {'numba', 'numpy', 'pickle'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_gensims_own_suite():
    """gensim.test.test_phrases, from gensim's wheel, run against our classes."""
    pytest.importorskip("gensim")
    pytest.importorskip("testfixtures")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.gensim_suite.plugin",
        "-p",
        "no:cacheprovider",
    ]
    command += ["--pyargs", "gensim.test.test_phrases"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


def test_frozen_of_the_module_is_the_public_one():
    assert FrozenPhrases is Phraser
