"""What a gensim user runs in place of `w2v train TEXT -o VECTORS.bin`; bench_command.py times it whole.

python -m benchmarks.gensim_command TEXT VECTORS.bin WORKERS EPOCHS SG
"""

from __future__ import annotations

import sys

from gensim.models import Word2Vec

if __name__ == "__main__":
    text, output = sys.argv[1:3]
    workers, epochs, sg = map(int, sys.argv[3:])
    # The other parameters are gensim's defaults, and w2v's: 100 numbers, window 5, 5 noise words, min_count 5.
    Word2Vec(corpus_file=text, workers=workers, epochs=epochs, sg=sg).wv.save_word2vec_format(output, binary=True)
