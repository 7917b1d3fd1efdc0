"""Every reader of files from strangers: how it is called, what it is given, what must hold of what it makes.

The one table that all engines share. A reader that is not in it is not fuzzed: tests/test_fuzz.py compares it with the
formats that the package knows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from w2v import checkpoint, formats
from w2v.config import TrainConfig
from w2v.evaluate import categories, word_analogies, word_pairs
from w2v.formats import gensim_import, native, word2vec
from w2v.phrases import Phrases
from w2v.vectors import KeyedVectors
from w2v.vocab import Vocab

from . import seeds
from .edits import Rewrite, put

Read = Callable[[Path], Any]


def _nothing(value: Any) -> None:
    """Being made is all that is asked."""


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@dataclass(frozen=True)
class Target:
    """One reader. `place` puts the input where it is looked for, beside what else belongs to it."""

    name: str
    seeds: Callable[[], list[bytes]]
    read: Read
    check: Callable[[Any], None] = _nothing
    rewrite: Rewrite | None = None
    place: Callable[[Path, bytes], None] = _write


# ---- vectors


def check_vectors(kv: KeyedVectors) -> None:
    assert len(kv.index_to_key) == len(kv.vectors) == len(kv)
    assert kv.vectors.dtype.kind == "f"
    assert kv.vectors.ndim == 2
    assert all(len(values) == len(kv) for values in kv.expandos.values())
    assert all(isinstance(key, (str, int)) for key in kv.index_to_key)
    if "count" in kv.expandos:
        assert (kv.expandos["count"] >= 0).all(), "a word with a negative count"


def _vectors(name: str) -> Target:
    rewrite = rewrite_native if name == "native" else None
    found = {"gensim": seeds.gensim_models}.get(name, list)
    return Target(
        name, lambda: [seeds.vectors()[name], *found()], lambda path: formats.load(path, name), check_vectors, rewrite
    )


def rewrite_native(data: bytes, place: int, value: Any) -> bytes:
    """A safetensors file with `value` somewhere in its header, or in the JSON of its configuration or record."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        metadata = header["__metadata__"]
        part = ("", "config", "record", "record")[place % 4]
        if part and part in metadata:
            metadata[part] = json.dumps(put(json.loads(metadata[part]), place // 4, value))
        else:
            header = put(header, place // 4, value)
        text = json.dumps(header).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return data  # edited before, and no longer a valid file
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _place_npy(path: Path, data: bytes) -> None:
    path.write_bytes(seeds.vectors()["apart"])
    path.with_name(f"{path.name}.vectors.npy").write_bytes(data)


def _read_fvocab(path: Path) -> KeyedVectors:
    return word2vec.load_word2vec_format(KeyedVectors, path.with_name("vectors"), fvocab=path, binary=True)


def _place_fvocab(path: Path, data: bytes) -> None:
    path.with_name("vectors").write_bytes(seeds.vectors()["word2vec-bin"])
    path.write_bytes(data)


def _unpacked_vectors() -> list[bytes]:
    return [data for name, data in seeds.vectors().items() if "apart" not in name]


def _packed_vectors() -> list[bytes]:
    return seeds.all_packed(_unpacked_vectors())


# ---- models, checkpoints, configurations


def _load_model(path: Path) -> Any:
    from w2v import Word2Vec

    return Word2Vec.load(path)


def check_model(model: Any) -> None:
    check_vectors(model.wv)
    assert model.vector_size == model.wv.vector_size
    assert (model._counts >= 0).all(), "a word with a negative count"
    for layer in (model._out, model._node):
        assert layer is None or len(layer) >= len(model.wv) - 1
    assert np.size(model.wv.vectors_lockf) in (1, len(model.wv))


def check_gensim_model(model: gensim_import.GensimModel) -> None:
    check_vectors(model.kv)
    for paths in (model.points, model.codes):
        assert paths is None or len(paths) == len(model.kv)
    assert model.w_out is None or len(model.w_out) == len(model.kv)


def check_native(model: native.NativeModel) -> None:
    check_vectors(model.kv)
    assert model.config is None or isinstance(model.config, TrainConfig)
    assert model.record is None or isinstance(model.record, dict)


class _Signed(str):
    """A checksum that is always right: whoever writes a file can compute it."""

    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


def _load_signed(path: Path) -> checkpoint.Checkpoint:
    with mock.patch.object(checkpoint, "_checksum", return_value=_Signed()):
        return checkpoint.load(path.parent / "run")


def _place_checkpoint(path: Path, data: bytes) -> None:
    folder = path.parent / "run"
    folder.mkdir(exist_ok=True)
    (folder / checkpoint.FILE).write_bytes(data)


def check_checkpoint(saved: checkpoint.Checkpoint) -> None:
    corpus: Any = SimpleNamespace(identity=saved.identity, raw_words=1, n_tokens=1)
    checkpoint.check(saved, saved.config, corpus, 1)
    assert all(type(number) is int for number in saved.words.values())
    assert saved.weights.vectors.shape[1] == saved.config.vector_size
    assert all(type(n) is int for n in saved.position)
    for stats in saved.epochs:
        assert isinstance(stats.mean_loss + stats.seconds, float)
        assert type(stats.pairs) is type(stats.words) is int
    assert saved.lock is None or saved.lock.shape == (len(saved.weights.vectors),)


def _read_config(path: Path) -> Any:
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None  # what becomes of broken JSON is the business of the reader of the file it stands in
    return TrainConfig.from_dict(values)


def check_config(config: TrainConfig | None) -> None:
    if config is not None:
        assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def rewrite_packed(data: bytes, place: int, value: Any) -> bytes:
    """A compressed file with `value` among what it holds: its checksums are right, what they protect is not."""
    for kind, unpack in seeds.UNPACK.items():
        try:
            content = unpack(data)
        except Exception:  # whatever a decompressor says of data that is another's, or broken by an edit before
            continue
        at = place % (len(content) + 1)
        token = json.dumps(value).encode()[:200]
        return seeds.PACK[kind](content[:at] + token + content[at + place // 64 % 64 :])
    return data


def rewrite_json(data: bytes, place: int, value: Any) -> bytes:
    """A JSON value, or the first line of several, with `value` somewhere in it."""
    first, end, rest = data.partition(b"\n")
    try:
        return json.dumps(put(json.loads(first), place, value)).encode() + end + rest
    except (ValueError, RecursionError):
        return data


# ---- text


def _questions(path: Path) -> Any:
    return word_analogies(seeds.keyed(), path)


def _questions_by_product(path: Path) -> Any:
    return word_analogies(seeds.keyed(), path, similarity_function="most_similar_cosmul", dummy4unknown=True)


def check_questions(report: Any) -> None:
    assert report.unknown == sum(section.unknown for section in report.sections)
    assert report.questions - report.unknown <= sum(section.answered for section in report.sections) <= report.questions


def _pairs(path: Path) -> Any:
    return word_pairs(seeds.keyed(), path), word_pairs(seeds.keyed(), path, delimiter=None, dummy4unknown=True)


def _corpus(path: Path) -> tuple[Vocab, Any, list[list[str]]]:
    """By compiled code, and by its twin in Python."""
    from w2v.corpus import LineSentence, encode, spill, table

    # small tables, so that inputs of a kilobyte make them grow, and cost a tenth
    with mock.patch.object(table, "_FIRST_SLOTS", 8), mock.patch.object(spill, "BUFFER", 1 << 13):
        vocab, corpus = encode(path, min_count=1, memory_limit=0, chunk_words=20)
    with corpus:
        ids = [corpus.read(k) for k in range(len(corpus))]
        return vocab, np.concatenate(ids), list(LineSentence(path))


def check_corpus(made: tuple[Vocab, Any, list[list[str]]]) -> None:
    vocab, ids, sentences = made
    words = [vocab.words[i] if i >= 0 else None for i in ids.tolist()]
    assert words == [word for sentence in sentences for word in (*sentence, None)]


def _load_phrases(path: Path) -> Any:
    return Phrases.load(path, scoring="default")


def check_phrases(model: Any) -> None:
    assert isinstance(model[["new", "york", "of", "the"]], list)
    assert isinstance(model.export_phrases() if hasattr(model, "export_phrases") else model.phrasegrams, dict)


TARGETS = {
    target.name: target
    for target in (
        *(_vectors(name) for name in formats.FORMATS),
        Target("npy", lambda: [seeds.vectors()["apart.vectors.npy"]], lambda path: formats.load(path, "gensim"),
               check_vectors, place=_place_npy),
        Target("sniffed", _unpacked_vectors, formats.load, check_vectors),
        Target("compressed", _packed_vectors, formats.load, check_vectors, rewrite_packed),
        Target("native-model", lambda: [seeds.vectors()["native"]], native.load_model, check_native, rewrite_native),
        Target("gensim-model", lambda: [seeds.vectors()["gensim"], *seeds.gensim_models()], gensim_import.load_model,
               check_gensim_model),
        Target("word2vec-model", lambda: [*seeds.native_models(), *seeds.gensim_models()[:3]], _load_model, check_model,
               rewrite_native),
        Target("checkpoint", seeds.checkpoints, lambda path: checkpoint.load(path.parent / "run"), check_checkpoint,
               rewrite_native, _place_checkpoint),
        Target("checkpoint-signed", seeds.checkpoints, _load_signed, check_checkpoint, rewrite_native, _place_checkpoint),
        Target("config", lambda: [seeds.config_json()], _read_config, check_config, rewrite_json),
        Target("vocab", lambda: [seeds.VOCABULARY], Vocab.load),
        Target("fvocab", lambda: [seeds.VOCABULARY, *seeds.all_packed([seeds.VOCABULARY])], _read_fvocab, check_vectors,
               rewrite_packed, _place_fvocab),
        Target("questions", lambda: [seeds.QUESTIONS, *seeds.all_packed([seeds.QUESTIONS])], _questions, check_questions,
               rewrite_packed),
        Target("questions-mul", lambda: [seeds.QUESTIONS], _questions_by_product, check_questions),
        Target("pairs", lambda: [seeds.PAIRS, *seeds.all_packed([seeds.PAIRS])], _pairs, rewrite=rewrite_packed),
        Target("categories", lambda: [seeds.CATEGORIES], lambda path: categories(seeds.keyed(), path, restarts=2)),
        Target("phrases", seeds.phrases, _load_phrases, check_phrases, rewrite_json),
        Target("gensim-phrases", seeds.gensim_phrases, _load_phrases, check_phrases),
        Target("corpus", lambda: [seeds.CORPUS], _corpus, check_corpus),
        Target("corpus-compressed", lambda: seeds.all_packed([seeds.CORPUS, b"a b\n"]), _corpus, check_corpus, rewrite_packed),
    )
}  # fmt: skip


def quiet() -> None:
    """Warnings of the readers, of which there are thousands, go nowhere."""
    logging.getLogger("w2v").setLevel(logging.ERROR)
    logging.getLogger("gensim").setLevel(logging.ERROR)
