"""The command as people use it: in process for what it says, as a process of its own for how it ends."""

from __future__ import annotations

import dataclasses
import gzip
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from w2v.cli import main
from w2v.cli.console import shown
from w2v.cli.train_options import usable_cpus
from w2v.config import TrainConfig
from w2v.device import DEVICES

TEXT = "the cat sat on the mat\nthe dog sat on the log\n" * 60


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A directory with a small corpus and a model of it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    done = w2v("train", folder / "text.txt", "-o", folder / "model.w2v", *SMALL)
    assert done.exit_code == 0, done.output
    return folder


SMALL = ("--size", "8", "--min-count", "1", "--epochs", "2", "--threads", "1", "--sample", "0")


def w2v(*arguments, **options):
    """The command in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments], **options)


def process(*arguments, **options) -> subprocess.CompletedProcess:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "w2v", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def is_plain_error(done, code: int = 1, *words: str) -> None:
    """One line of error, at most one of hint, nothing on stdout, the right exit code."""
    errors, status = done.stderr, done.exit_code if hasattr(done, "exit_code") else done.returncode
    assert status == code, errors
    assert "Traceback" not in errors
    assert done.stdout == ""
    lines = errors.strip().splitlines()
    assert lines[-1].startswith("error: ") or (lines[-1].startswith("hint: ") and lines[-2].startswith("error: "))
    for word in words:
        assert word in errors


def columns(done) -> list[list[str]]:
    assert done.exit_code == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


# --- training -------------------------------------------------------------------------------------------------------


def test_training_reports_on_stderr_only_and_writes_the_model(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    done = w2v("train", tmp_path / "text.txt", "-o", tmp_path / "m.w2v", *SMALL)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "720 words in 120 lines" in done.stderr
    assert "epoch 2 of 2: loss" in done.stderr
    assert "7 words, 8 numbers each" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.w2v", "text.txt"]


def test_quiet_training_says_nothing(home, tmp_path):
    done = w2v("train", home / "text.txt", "-o", tmp_path / "m.w2v", *SMALL, "-q")
    assert (done.exit_code, done.output) == (0, "")


def test_one_thread_and_one_seed_give_one_file(home, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert w2v("train", home / "text.txt", "-o", tmp_path / f"{name}.bin", *SMALL, "--seed", seed).exit_code == 0
    a, b, c = (tmp_path.joinpath(f"{name}.bin").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_aliases_are_the_same_options(home, tmp_path):
    text = home / "text.txt"
    one = ("--size", 8, "--iter", 2, "--threads", 1, "--min-count", 1, "--sample", 0)
    other = ("--vector-size", 8, "--epochs", 2, "--workers", 1, "--min-count", 1, "--sample", 0)
    assert w2v("train", text, "-o", tmp_path / "a.bin", *one).exit_code == 0
    assert w2v("train", text, "-o", tmp_path / "b.bin", *other).exit_code == 0
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ["--cbow"],
        ["--cbow", "--cbow-sum"],
        ["--cbow", "--cbow-gradient", "divided"],
        ["--hs"],
        ["--hs", "--negative", "0"],
        ["--negative", "2"],
        ["--noise-group", "1"],
        ["--ns-exponent", "-0.5"],
        ["--sample", "20"],
        ["--fixed-window"],
        ["--window", "1"],
        ["--saturation", "skip", "--alpha", "0.5"],
        ["--min-alpha", "0.02"],
        ["--lower", "--max-final-vocab", "5"],
        ["--max-sentence-length", "3"],
    ],
    ids=" ".join,
)
def test_every_option_changes_the_vectors(home, tmp_path, options):
    done = w2v("train", home / "text.txt", "-o", tmp_path / "m.txt", *SMALL, *options)
    assert done.exit_code == 0, done.output
    plain = w2v("convert", home / "model.w2v", tmp_path / "plain.txt")
    assert plain.exit_code == 0
    assert (tmp_path / "m.txt").read_text() != (tmp_path / "plain.txt").read_text()


def test_the_suffix_chooses_the_format_and_the_option_overrides_it(home, tmp_path):
    for name, options in (("m.bin", []), ("m.txt", []), ("m.vec", []), ("m.dat", ["--format", "word2vec-bin"])):
        assert w2v("train", home / "text.txt", "-o", tmp_path / name, *SMALL, *options).exit_code == 0
    assert (tmp_path / "m.txt").read_bytes() == (tmp_path / "m.vec").read_bytes()
    assert (tmp_path / "m.bin").read_bytes() == (tmp_path / "m.dat").read_bytes()
    assert (tmp_path / "m.txt").read_text().splitlines()[0] == "7 8"


def test_standard_input_and_compressed_files_are_text_like_any_other(home, tmp_path):

    (tmp_path / "packed").write_bytes(gzip.compress(TEXT.encode()))
    whole = tmp_path / "whole.bin"
    assert w2v("train", home / "text.txt", "-o", whole, *SMALL).exit_code == 0
    assert w2v("train", tmp_path / "packed", "-o", tmp_path / "a.bin", *SMALL).exit_code == 0
    assert (tmp_path / "a.bin").read_bytes() == whole.read_bytes()
    done = process("train", "-", "-o", tmp_path / "b.bin", *SMALL, input=TEXT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.bin").read_bytes() == whole.read_bytes()


def test_a_vocabulary_goes_out_and_comes_in(home, tmp_path):
    first = w2v("train", home / "text.txt", "-o", tmp_path / "a.bin", *SMALL, "--save-vocab", tmp_path / "v.txt")
    assert first.exit_code == 0
    assert (tmp_path / "v.txt").read_text().splitlines()[:2] == ["the 240", "on 120"]
    assert w2v("vocab", home / "text.txt", "-o", tmp_path / "w.txt", "--min-count", "1").exit_code == 0
    assert (tmp_path / "w.txt").read_bytes() == (tmp_path / "v.txt").read_bytes()
    again = w2v("train", home / "text.txt", "-o", tmp_path / "b.bin", *SMALL, "--read-vocab", tmp_path / "v.txt")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()
    options = ["--read-vocab", tmp_path / "v.txt", "--max-final-vocab", "3"]
    small = w2v("train", home / "text.txt", "-o", tmp_path / "c.txt", *SMALL, *options)
    assert small.exit_code == 0, small.output
    assert 1 <= int((tmp_path / "c.txt").read_text().split()[0]) <= 3


def test_min_count_applies_to_a_vocabulary_that_is_read(home, tmp_path):
    (tmp_path / "v.txt").write_text("the 240\nsat 120\ncat 60\n")
    options = ["--read-vocab", tmp_path / "v.txt", "--min-count", "100"]
    assert w2v("train", home / "text.txt", "-o", tmp_path / "m.txt", *SMALL, *options).exit_code == 0
    assert (tmp_path / "m.txt").read_text().startswith("2 8\nthe ")


def test_training_starts_from_given_vectors_and_can_hold_them_still(home, tmp_path):
    (tmp_path / "init.txt").write_text("2 8\ncat" + " 0.5" * 8 + "\nzebra" + " 1" * 8 + "\n")
    rest = ("--min-count", 1, "--epochs", 2, "--threads", 1, "--init", tmp_path / "init.txt", "--init-lock", 0)
    done = w2v("train", home / "text.txt", "-o", tmp_path / "m.txt", *rest)  # the size is that of the vectors
    assert done.exit_code == 0, done.output
    assert "1 of 7 words start from known vectors" in done.stderr
    lines = dict(line.split(" ", 1) for line in (tmp_path / "m.txt").read_text().splitlines()[1:])
    assert [float(x) for x in lines["cat"].split()] == [0.5] * 8
    assert "zebra" not in lines
    wrong = w2v("train", home / "text.txt", "-o", tmp_path / "n.txt", *rest, "--size", 9)
    is_plain_error(wrong, 1, "holds vectors of 8 numbers, not 9")


# --- questions ------------------------------------------------------------------------------------------------------


def test_similar_prints_word_neighbour_cosine(home):
    rows = columns(w2v("similar", home / "model.w2v", "cat", "dog", "-n", 3))
    assert [row[0] for row in rows] == ["cat"] * 3 + ["dog"] * 3
    assert all(row[1] != row[0] and -1 <= float(row[2]) <= 1 for row in rows)
    assert float(rows[0][2]) >= float(rows[1][2]) >= float(rows[2][2])


def test_questions_come_from_standard_input_when_there_are_no_words(home):
    asked = columns(w2v("similar", home / "model.w2v", "cat", "dog", "-n", 2))
    assert columns(w2v("similar", home / "model.w2v", "-n", 2, input="cat\n\ndog\n")) == asked
    pair = columns(w2v("similarity", home / "model.w2v", "cat", "dog"))
    assert columns(w2v("similarity", home / "model.w2v", input="cat dog\n")) == pair
    analogy = columns(w2v("analogy", home / "model.w2v", "cat", "mat", "dog"))
    assert columns(w2v("analogy", home / "model.w2v", input="cat mat dog\n")) == analogy


def test_restrict_vocab_leaves_rare_words_out(home):
    rows = columns(w2v("similar", home / "model.w2v", "dog", "--restrict-vocab", 2))
    assert {row[1] for row in rows} == {"the", "on"}


def test_similarity_agrees_with_similar(home):
    ((_, neighbour, cosine),) = columns(w2v("similar", home / "model.w2v", "cat", "-n", 1))
    assert columns(w2v("similarity", home / "model.w2v", "cat", neighbour)) == [["cat", neighbour, cosine]]


@pytest.mark.parametrize("method", ["add", "mul"])
def test_analogy_prints_the_question_and_its_answers(home, method):
    rows = columns(w2v("analogy", home / "model.w2v", "cat", "mat", "dog", "-n", 2, "--method", method))
    assert [row[:3] for row in rows] == [["cat", "mat", "dog"]] * 2
    assert not {row[3] for row in rows} & {"cat", "mat", "dog"}


def test_an_unknown_word_is_an_error_with_the_nearest_known_ones(home):
    is_plain_error(w2v("similarity", home / "model.w2v", "caat", "dog"), 1, "caat", "hint", "cat")
    is_plain_error(w2v("analogy", home / "model.w2v", "cat", "mat", "zzzzzz"), 1, "zzzzzz")


def test_similar_answers_the_known_words_and_fails_for_the_others(home):
    done = w2v("similar", home / "model.w2v", "cat", "zzz", "dog", "-n", 1)
    assert done.exit_code == 1
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["cat", "dog"]
    assert "error: " in done.stderr
    assert "zzz" in done.stderr


def test_wrong_numbers_of_words_are_wrong_usage(home):
    assert w2v("similarity", home / "model.w2v", "cat").exit_code == 2
    assert w2v("analogy", home / "model.w2v", "cat", "mat").exit_code == 2
    is_plain_error(w2v("analogy", home / "model.w2v", input="cat mat\n"), 1, "line 1", "2 words, not 3")


def test_eval_scores_analogies_by_section_and_pairs(home, tmp_path):
    (tmp_path / "q.txt").write_text(": one\ncat mat dog log\ncat mat dog moon\n: two\nmat cat log dog\n")
    (tmp_path / "p.tsv").write_text("cat\tdog\t9\ncat\tthe\t1\nmat\tlog\t8\nsun\tmoon\t5\n")
    (tmp_path / "c.txt").write_text("cat animal\ndog animal\nmat thing\nlog thing\nsun star\n")
    done = w2v("eval", home / "model.w2v", "--analogies", tmp_path / "q.txt", "--pairs", tmp_path / "p.tsv",
               "--categories", tmp_path / "c.txt")  # fmt: skip
    rows = columns(done)
    assert [row[1] for row in rows[:3]] == ["one", "two", "Total accuracy"]
    assert [row[4:] for row in rows[:3]] == [["1", "1"], ["1", "0"], ["2", "1"]]
    assert rows[3][4:] == ["3", "25.0000"]
    assert -1 <= float(rows[3][1]) <= 1
    assert rows[4][2:] == ["4", "1"]


def test_eval_wants_something_to_score(home, tmp_path):
    assert w2v("eval", home / "model.w2v").exit_code == 2
    (tmp_path / "pairs.txt").write_text("cat mat 3\n")
    is_plain_error(w2v("eval", home / "model.w2v", "--analogies", tmp_path / "pairs.txt"), 1, "no analogies")


def test_convert_keeps_words_and_numbers(home, tmp_path):
    from w2v.formats import load

    for name in ("m.bin", "m.txt", "m.w2v"):
        assert w2v("convert", home / "model.w2v", tmp_path / name, "--limit", 4).exit_code == 0
        kv, whole = load(tmp_path / name), load(home / "model.w2v")
        assert kv.index_to_key == whole.index_to_key[:4]
        np.testing.assert_allclose(kv.vectors, whole.vectors[:4], rtol=1e-6)


def test_convert_from_native_to_native_loses_nothing(home, tmp_path):
    from w2v.formats.native import load_model

    assert w2v("convert", home / "model.w2v", tmp_path / "copy.w2v").exit_code == 0
    assert (tmp_path / "copy.w2v").read_bytes() == (home / "model.w2v").read_bytes()
    part = w2v("convert", home / "model.w2v", tmp_path / "part.w2v", "--limit", 4)
    assert "output layers are left out" in part.stderr
    assert load_model(tmp_path / "part.w2v").w_out is None


def test_convert_refuses_to_overwrite_its_input(home):
    before = (home / "model.w2v").read_bytes()
    is_plain_error(w2v("convert", home / "model.w2v", home / "model.w2v"), 1, "also an input")
    assert (home / "model.w2v").read_bytes() == before


def test_info_says_what_a_file_holds(home, tmp_path):
    rows = dict(columns(w2v("info", home / "model.w2v")))
    assert rows["format"] == "native"
    assert (rows["words"], rows["vector_size"], rows["dtype"]) == ("7", "8", "float32")
    assert rows["config.epochs"] == "2"
    assert rows["record.raw_words"] == "720"
    assert w2v("convert", home / "model.w2v", tmp_path / "m.bin").exit_code == 0
    assert dict(columns(w2v("info", tmp_path / "m.bin")))["words"] == "7"


# --- bad input ------------------------------------------------------------------------------------------------------


def train_of(tmp_path, text: bytes, *options):
    (tmp_path / "in.txt").write_bytes(text)
    return w2v("train", tmp_path / "in.txt", "-o", tmp_path / "out.w2v", *options)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (b"", [], ["no words"]),
        (b"\n \n\t\n", [], ["no words"]),
        (b"a b c\n", [], ["min_count", "hint"]),
        (b"a b c\n", ["--min-count", "1", "--negative", "0"], ["nothing to learn", "--hs"]),
        (b"a b c\n", ["--size", "0"], ["vector_size"]),
        (b"a b c\n", ["--alpha", "nan"], ["alpha"]),
        (b"a b c\n", ["--checkpoint", "kept", "--checkpoint-every", "soon"], ["soon", "30s"]),
        (b"a b c\n", ["--read-vocab", "/nowhere/v.txt"], ["/nowhere/v.txt"]),
        (b"a b c\n", ["--init", "/nowhere/v.txt"], ["/nowhere/v.txt"]),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_no_file(tmp_path, text, options, words):
    is_plain_error(train_of(tmp_path, text, *options), 1, *words)
    assert [p.name for p in tmp_path.iterdir()] == ["in.txt"]


def test_a_missing_input_is_named(tmp_path):
    is_plain_error(process("train", tmp_path / "no.txt", "-o", tmp_path / "m.w2v"), 1, "no.txt")
    is_plain_error(process("similar", tmp_path / "no.w2v", "word"), 1, "no.w2v")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_text_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    is_plain_error(w2v("train", tmp_path / "in", "-o", tmp_path / "m.w2v"), 1, "in")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("command", ["train", "vocab"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(home, tmp_path, command):
    text = home / "text.txt"
    (tmp_path / "folder").mkdir()
    for output, reason in (
        (tmp_path / "folder", "directory"),
        (tmp_path / "nowhere" / "m.w2v", "no directory"),
        (Path("/proc/m.w2v"), "/proc"),
    ):
        done = w2v(command, text, "-o", output)
        is_plain_error(done, 1, reason)
        assert "epoch" not in done.stderr
    same = w2v(command, text, "-o", text)
    is_plain_error(same, 1, "also an input")
    assert text.read_text() == TEXT


def test_a_cut_or_lying_model_is_refused(home, tmp_path):
    for name in ("m.bin", "m.txt", "m.w2v"):
        assert w2v("convert", home / "model.w2v", tmp_path / name).exit_code == 0
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
        is_plain_error(process("similar", tmp_path / name, "cat"), 1, name)
    (tmp_path / "lie.bin").write_bytes(b"999999999999 300\ncat \x00\x00")
    is_plain_error(process("similar", tmp_path / "lie.bin", "cat"), 1, "lie.bin")


def test_a_pickle_is_not_a_model(tmp_path):

    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": 1}))
    is_plain_error(process("similar", tmp_path / "m.pkl", "cat"), 1)


def test_usage_errors_exit_with_two(tmp_path):
    assert w2v("train").exit_code == 2
    assert w2v("train", "in.txt").exit_code == 2
    assert w2v("train", "in.txt", "-o", "m", "--no-such-option").exit_code == 2
    assert w2v("nonsense").exit_code == 2


# --- the terminal, the pipe, the disk, the signal -------------------------------------------------------------------


def test_control_characters_are_shown_as_escapes(tmp_path):
    (tmp_path / "m.w2v").write_text("3 2\nred\x1b[31m 1 0\nand 1 1\n\u202egnp.exe 0 1\n", encoding="utf-8")
    done = w2v("similar", tmp_path / "m.w2v", "and")
    assert "\x1b" not in done.stdout + done.stderr
    assert {row[1] for row in columns(done)} == {"red\\x1b[31m", "\\u202egnp.exe"}
    unknown = w2v("similarity", tmp_path / "m.w2v", "\x1b[2J", "and")
    assert "\x1b" not in unknown.output
    assert "\\x1b[2J" in unknown.stderr


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("naïve 中文", "naïve 中文"),
        ("a\tb\n", "a\\tb\\n"),
        ("\x9b0m", "\\x9b0m"),
        ("\udcff", "\\udcff"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_shown(text, plain):
    assert shown(text) == plain


def test_a_terminal_without_the_letters_gets_escapes(tmp_path):
    (tmp_path / "text.txt").write_text("héllo wörld\n" * 50, encoding="utf-8")
    assert w2v("train", tmp_path / "text.txt", "-o", tmp_path / "m.w2v", *SMALL).exit_code == 0
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = process("similar", tmp_path / "m.w2v", "héllo", env=env)
    assert (done.returncode, done.stdout.split("\t")[:2]) == (0, ["h\\xe9llo", "w\\xf6rld"])


def test_a_closed_pipe_is_no_error(home):
    words = "cat\ndog\n" * 20_000
    command = f"{sys.executable} -m w2v similar {home / 'model.w2v'} | head -n 1"
    done = subprocess.run(["bash", "-c", command], input=words, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("cat\t")
    assert done.stderr == ""


def test_a_full_disk_is_one_line(home):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "w2v", "similar", str(home / "model.w2v"), "cat"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_training_in_good_order(home, tmp_path, number, code):
    command = [sys.executable, "-m", "w2v", "train", str(home / "text.txt"), "-o", str(tmp_path / "m.w2v"), *SMALL]
    run = subprocess.Popen([*command, "--epochs", "10000000"], stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if line.startswith("epoch 1 "):
            break
    run.send_signal(number)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == code
    assert "the vectors so far" in errors
    assert "Traceback" not in errors
    assert len(columns(w2v("similar", tmp_path / "m.w2v", "cat", "-n", 2))) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["m.w2v"]


def test_a_stopped_run_goes_on_from_its_checkpoint_to_the_same_vectors(austen, tmp_path):
    command = ["train", austen, "--size", "16", "--epochs", "3", "--threads", "1", "--sample", "1e-4"]
    whole = process(*command, "-o", tmp_path / "whole.bin")
    assert whole.returncode == 0, whole.stderr
    kept = [*command, "-o", tmp_path / "m.bin", "--checkpoint-every", "50kw"]
    run = subprocess.Popen(
        [sys.executable, "-m", "w2v", *map(str, kept), "--checkpoint", str(tmp_path / "kept")],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in run.stderr:
        if line.startswith("epoch 1 "):
            break
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 143
    assert f"--resume {tmp_path / 'kept'}" in errors
    is_plain_error(process(*kept, "--resume", tmp_path / "kept", "--window", "6"), 1, "window was 5 and is now 6")
    again = process(*kept, "--resume", tmp_path / "kept")
    assert again.returncode == 0, again.stderr
    assert "going on in epoch " in again.stderr
    assert (tmp_path / "m.bin").read_bytes() == (tmp_path / "whole.bin").read_bytes()


def test_resuming_from_nothing_is_an_error(home, tmp_path):
    done = w2v("train", home / "text.txt", "-o", tmp_path / "m.w2v", *SMALL, "--resume", tmp_path / "none")
    is_plain_error(done, 1, "no checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_options_without_an_effect_are_wrong_usage(home, tmp_path):
    for options in (
        ["--init-lock", "0.5"],
        ["--checkpoint-every", "10m"],
        ["--init", home / "model.w2v", "--resume", tmp_path],
        ["--cbow-gradient", "divided"],
        ["--cbow-sum"],
        ["--cbow", "--cbow-sum", "--cbow-gradient", "divided"],
        ["--hs", "--negative", "0", "--ns-exponent", "0.5"],
    ):
        assert w2v("train", home / "text.txt", "-o", tmp_path / "m.w2v", *options).exit_code == 2


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]], ids=" ".join)
def test_help_is_quick(arguments):
    # 0.15 s on a quiet machine, half a second with numpy, more with numba: what is loaded tells, a clock would of the machine
    done = process(*arguments, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"click", "w2v.cli"} <= loaded
    assert not {"numpy", "numba", "llvmlite"} & loaded


def test_every_parameter_of_a_run_has_an_option():
    options = {parameter.name for parameter in main.commands["train"].params}
    assert {field.name for field in dataclasses.fields(TrainConfig)} <= options
    (device,) = (parameter for parameter in main.commands["train"].params if parameter.name == "device")
    assert tuple(device.type.choices) == DEVICES


def test_doctor_says_what_there_is():
    rows = dict(columns(w2v("doctor")))
    assert rows["processors"].startswith(f"{usable_cpus()} usable")
    assert rows["vector_width"].split()[0] in ("128", "256", "512")
    assert rows["auto"] == ("cuda" if not rows["gpu"].startswith("none: ") else "cpu")
    assert {"w2v", "python", "numba", "processor", "threads", "kernels", "numba-cuda", "driver"} <= set(rows)


def test_a_gpu_that_is_not_there_is_an_error_and_auto_does_without(home, tmp_path):
    if not dict(columns(w2v("doctor")))["gpu"].startswith("none: "):
        pytest.skip("there is a GPU")
    asked = process("train", home / "text.txt", "-o", tmp_path / "m.w2v", *SMALL, "--device", "cuda")
    is_plain_error(asked, 1, "GPU")
    assert "epoch" not in asked.stderr
    auto = process("train", home / "text.txt", "-o", tmp_path / "m.w2v", *SMALL, "--device", "auto", "-q")
    assert auto.returncode == 0
    assert auto.stderr.startswith("warning: training on the processor: ")


def test_every_command_has_help():
    for name in main.commands:
        assert w2v(name, "--help").exit_code == 0
