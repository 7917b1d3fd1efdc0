"""Runs gensim's own tests against our classes: a pytest plugin that puts ours into gensim's modules.

    pytest -p tests.gensim_suite.plugin --pyargs gensim.test.test_keyedvectors gensim.test.test_phrases

Nothing of gensim's tests is copied; they ship in its wheel. A test that cannot pass is listed here with its reason, is
reported as an expected failure, and must fail: the day it passes the run asks for its removal from the list. Tests of
gensim's own insides are skipped, and listed as well; so is one that takes a defect of gensim's for right.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

# Module and name there -> module and name here. The helpers of gensim that its tests import (REAL,
# pseudorandom_weak_vector, datapath ...) stay gensim's own.
_REPLACED = {
    ("gensim.models.keyedvectors", "KeyedVectors"): ("w2v.vectors", "KeyedVectors"),
    ("gensim.models.keyedvectors", "Word2VecKeyedVectors"): ("w2v.vectors", "KeyedVectors"),
    ("gensim.models.keyedvectors", "EuclideanKeyedVectors"): ("w2v.vectors", "KeyedVectors"),
    ("gensim.models.keyedvectors", "_load_word2vec_format"): ("w2v.formats.word2vec", "load_word2vec_format"),
    ("gensim.models", "KeyedVectors"): ("w2v.vectors", "KeyedVectors"),
    ("gensim.models", "Word2Vec"): ("w2v.model", "Word2Vec"),
    ("gensim.models.word2vec", "Word2Vec"): ("w2v.model", "Word2Vec"),
    ("gensim.models.word2vec", "KeyedVectors"): ("w2v.vectors", "KeyedVectors"),
    ("gensim.models.word2vec", "LineSentence"): ("w2v.corpus", "LineSentence"),
    ("gensim.models.word2vec", "PathLineSentences"): ("w2v.corpus", "PathLineSentences"),
    ("gensim.models.callbacks", "CallbackAny2Vec"): ("w2v.model", "CallbackAny2Vec"),
    ("gensim.models.phrases", "_PhrasesTransformation"): ("w2v.phrases", "PhrasesTransformation"),
    ("gensim.models.phrases", "Phrases"): ("w2v.phrases", "Phrases"),
    ("gensim.models.phrases", "FrozenPhrases"): ("w2v.phrases", "FrozenPhrases"),
    ("gensim.models.phrases", "Phraser"): ("w2v.phrases", "Phraser"),
    ("gensim.models.phrases", "original_scorer"): ("w2v.phrases", "original_scorer"),
    ("gensim.models.phrases", "npmi_scorer"): ("w2v.phrases", "npmi_scorer"),
}

# File name::class::test -> why it cannot pass. There are none in test_keyedvectors.py and test_word2vec.py.
EXPECTED_FAILURES: dict[str, str] = {}

# Those that pin a defect of gensim's: they pass here by accident only.
PINNED_DEFECTS = {
    "test_word2vec.py::TestWord2VecModel::test_evaluate_word_analogies": "wants equal scores of two similarity functions, "
    "because gensim ignores the one it is given; ours differ as soon as a question is answered by one of them only",
}

# Those that never meet one of our classes: they would pass whatever ours do.
NOT_OURS = {
    "test_word2vec.py::TestWord2VecSentenceIterators::test_cython_line_sentence_works_with_filename": "tests gensim's "
    "compiled line reader",
    "test_word2vec.py::TestWord2VecScripts::test_word2vec_stand_alone_script": "runs gensim's own script in a process of "
    "its own",
}


def _object(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise pytest.UsageError(f"{module} has no {name} any more: bring the plugin up to date") from None


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported: some take the classes by name."""
    for (module, name), here in _REPLACED.items():
        _object(module, name)
        setattr(import_module(module), name, _object(*here))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say in the report whose classes were tested."""
    classes = sorted({f"{there[0]}.{there[1]} <- {here[0]}.{here[1]}" for there, here in _REPLACED.items()})
    return ["under test, in place of gensim's:", *(f"  {line}" for line in classes)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the expected failures."""
    for item in items:
        name = f"{item.path.name}::{item.nodeid.partition('::')[2]}"
        if name in EXPECTED_FAILURES:
            item.add_marker(pytest.mark.xfail(reason=EXPECTED_FAILURES[name], strict=True))
        elif name in PINNED_DEFECTS:
            item.add_marker(pytest.mark.xfail(reason=PINNED_DEFECTS[name], strict=False))
        elif name in NOT_OURS:
            item.add_marker(pytest.mark.skip(reason=NOT_OURS[name]))
