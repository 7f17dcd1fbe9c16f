#!/usr/bin/env python3
"""Do the arithmetics decide alike? Labels of real passages in bytes and in f32, and in every form of the kernels.

usage: decisions.py sample OUT FILE…                    passages from PDFs (through `scrutineer extract`) and from the "text" of JSON lines,
                                                        half Chinese where there are enough
       decisions.py compare PASSAGES A B [--labels]     A and B name arithmetics (SCRUTINEER_KERNELS): `avx2`, `f32`, `portable`…
       decisions.py original PASSAGES F32.onnx          embeddings as they ship against the f16 original (needs onnxruntime)
Set SCRUTINEER to the program (default target/release/scrutineer). Needs numpy.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np

PROGRAM = os.environ.get("SCRUTINEER", "target/release/scrutineer")
COUNT = 1000


def is_chinese(text):
    return sum("\u4e00" <= character <= "\u9fff" for character in text) > len(text) / 3


def pieces(text, most):
    """Whole sentences together, as far as they fit."""
    piece = ""
    for sentence in re.findall(r".+?(?:[。；]|[.!?](?=\s)|$)", text):
        if piece and len(piece) + len(sentence) > most:
            yield piece.strip()
            piece = ""
        piece += sentence
    if piece and len(piece) <= most:
        yield piece.strip()


def sample(out, files):
    groups = collections.defaultdict(set)
    for path in files:
        if path.endswith(".jsonl"):
            for line in open(path, encoding="utf-8"):
                text = json.loads(line)["text"].replace("\n", " ").strip()
                groups[is_chinese(text)].add(text)
    pdfs = [path for path in files if path.endswith(".pdf")]
    with tempfile.TemporaryDirectory() as folder:
        # A protected file among them is no reason to stop.
        subprocess.run([PROGRAM, "extract", *pdfs, "--out", folder, "--quiet"], check=False, stderr=subprocess.DEVNULL)
        for path in sorted(pathlib.Path(folder).glob("*.json")):
            for page in json.loads(path.read_text())["pages"]:
                for part in page["text"].split("\n\n"):
                    chinese = is_chinese(part)
                    part = part.replace("\n", "" if chinese else " ").strip()
                    least, most = (30, 250) if chinese else (80, 900)
                    for text in pieces(part, most):
                        # Prose: tables of figures are no passages.
                        if len(text) >= least and sum(character.isdigit() for character in text) < len(text) / 5:
                            groups[chinese].add(text)
    random.seed(1)
    chinese = random.sample(sorted(groups[True]), min(COUNT // 2, len(groups[True])))
    english = random.sample(sorted(groups[False]), min(COUNT - len(chinese), len(groups[False])))
    with open(out, "w", encoding="utf-8") as file:
        for index, text in enumerate(chinese + english):
            file.write(json.dumps({"id": index, "text": text}, ensure_ascii=False) + "\n")
    print(len(chinese), "Chinese and", len(english), "English passages")


def run(passages, arithmetic, *arguments):
    environment = os.environ | {"SCRUTINEER_KERNELS": arithmetic}
    subprocess.run([PROGRAM, "classify", "--jsonl", passages, "--quiet", *arguments], check=True, env=environment)


def labels(passages, arithmetic):
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as out:
        run(passages, arithmetic, "--out", out.name)
        return [json.loads(line) for line in open(out.name, encoding="utf-8")]


def embeddings(passages, arithmetic):
    with tempfile.NamedTemporaryFile("rb", suffix=".safetensors") as out:
        run(passages, arithmetic, "--embeddings", out.name)
        data = open(out.name, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = {name: entry for name, entry in json.loads(data[8 : 8 + length]).items() if name != "__metadata__"}
    entry = max(header.values(), key=lambda entry: entry["data_offsets"][1] - entry["data_offsets"][0])
    start, end = entry["data_offsets"]
    return np.frombuffer(data[8 + length :][start:end], dtype=np.float32).reshape(entry["shape"])


def cosines(a, b):
    return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))


def compare(passages, a, b, labels_only):
    if not labels_only:
        found = cosines(embeddings(passages, a), embeddings(passages, b))
        print(f"{a} and {b}: cosine of the mean states at least {found.min():.5f}, mean {found.mean():.5f}, over {len(found)} passages")
    rows = list(zip(labels(passages, a), labels(passages, b)))
    decisions = sum(len(left["scores"]) for left, _ in rows)
    changed = [(left, right) for left, right in rows if set(left["labels"]) != set(right["labels"])]
    flips = sum(len(set(left["labels"]) ^ set(right["labels"])) for left, right in changed)
    flags = sum(len(left["labels"]) for left, _ in rows)
    farthest = max(abs(left["scores"][name] - right["scores"][name]) for left, right in rows for name in left["scores"])
    print(
        f"{a} and {b}: {flips} of {decisions} label decisions differ ({100 * flips / decisions:.3f} %), in {len(changed)} of "
        f"{len(rows)} passages ({100 * len(changed) / len(rows):.2f} %); {a} raises {flags} flags; largest difference of a score {farthest:.4f}"
    )
    print("rows are", "the same" if all(left == right for left, right in rows) else "not the same", "in every byte")


def original(passages, onnx):
    import onnxruntime

    texts = [json.loads(line)["text"] for line in open(passages, encoding="utf-8")]
    bench = os.environ["BENCH"]
    lines = "\n".join(text.replace("\n", " ") for text in texts) + "\n"
    made = subprocess.run([bench, "--bench", "--tokens"], input=lines, text=True, capture_output=True, check=True)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    states = []
    for line in made.stdout.splitlines():
        ids = np.array([json.loads(line)], dtype=np.int64)
        (state,) = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        states.append(state[0].mean(axis=0))
    found = cosines(np.array(states), embeddings(passages, ""))
    print(f"as shipped and the f16 original: cosine at least {found.min():.5f}, mean {found.mean():.5f}, over {len(found)} passages")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command", choices=["sample", "compare", "original"])
    parser.add_argument("arguments", nargs="+")
    parser.add_argument("--labels", action="store_true")
    given = parser.parse_args()
    match given.command, given.arguments:
        case "sample", [out, *pdfs]:
            sample(out, pdfs)
        case "compare", [passages, a, b]:
            compare(passages, a, b, given.labels)
        case "original", [passages, onnx]:
            original(passages, onnx)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
