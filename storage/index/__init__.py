"""The retrieval index: FAISS shards with their vectors and ids, searched memory-mapped.

An index is trained once (:mod:`choose`, :mod:`train`); each worker adds vectors to an empty copy
and writes a shard (:mod:`build`); shards are merged (:mod:`merge`), and a version names those that
belong together (:mod:`version`). It is opened where it lies and searched (:mod:`opened`,
:mod:`search`), tuned and measured against exact search (:mod:`tune`, :mod:`measure`). Vectors have
length 1, and the score of two of them is their inner product. No Beam, no torch.
"""
