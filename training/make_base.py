#!/usr/bin/env python3
"""Makes the compact base encoder that ships in models/ from its f16 weights.

usage: make_base.py SOURCE TARGET      (needs numpy)
SOURCE holds config.json, tokenizer.json and model.safetensors (f16) of multilingual-e5-small trimmed to English and Chinese.
TARGET gets config.json, tokenizer.json, embeddings.safetensors and layers.safetensors: each matrix as int8 with one f32 scale per
row (`NAME` and `NAME.scale`, value = scale * int8), everything else as f32. The same input gives the same bytes.
Prints the files with size and SHA-256, for models/models.toml.
"""
import hashlib
import json
import pathlib
import struct
import sys

import numpy as np

TYPES = {"F16": np.float16, "F32": np.float32}


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = memoryview(data)[8 + length :]
    for name, entry in sorted(header.items()):
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(body[start:end], dtype=TYPES[entry["dtype"]])
            yield name, values.reshape(entry["shape"]).astype(np.float32)


def quantise(matrix):
    """Symmetric, one scale per row: the largest value of a row becomes 127."""
    scale = np.abs(matrix).max(axis=1).astype(np.float32) / np.float32(127)
    scale[scale == 0] = 1
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


def write(path, tensors):
    names = {np.dtype(np.int8): "I8", np.dtype(np.float32): "F32"}
    # f32 first, so that every tensor starts at a multiple of its element size.
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header, offset = {}, 0
    for name, values in ordered:
        header[name] = {"dtype": names[values.dtype], "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, values in ordered:
            file.write(np.ascontiguousarray(values).tobytes())


def main():
    source, target = map(pathlib.Path, sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    shards = {"embeddings": {}, "layers": {}}
    for name, values in read(source / "model.safetensors"):
        shard = shards["embeddings" if name.startswith("embeddings.") else "layers"]
        if values.ndim == 2:
            shard[name], shard[name + ".scale"] = quantise(values)
        else:
            shard[name] = values
    for shard, tensors in shards.items():
        write(target / f"{shard}.safetensors", tensors)
    for name in ("config.json", "tokenizer.json"):
        (target / name).write_bytes((source / name).read_bytes())
    for path in sorted(target.iterdir()):
        data = path.read_bytes()
        print(f'{{ path = "{target.name}/{path.name}", bytes = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}" }},')


if __name__ == "__main__":
    main()
