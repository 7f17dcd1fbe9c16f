#!/usr/bin/env python3
"""Holds the encoder against onnxruntime: one thread each, processor time, turn and turn about in one run.

usage: onnxruntime_pairs.py BENCH ONNX [--rounds N] [--texts FILE]      (needs onnxruntime, numpy)
BENCH is the built bench (`cargo bench --bench encoder --no-run` prints its path); ONNX a folder that export_onnx.py made.
--texts FILE gives texts, one a line, for the workload of mixed lengths: onnxruntime gets them sorted by length in batches of 32,
padded to the longest of a batch; the encoder gets them as they come, in packs of its own making. Both get the same token ids.

Each round measures every engine once on every workload; the table gives medians over the rounds, and ratios as medians of the
rounds' own ratios, so that a slow spell of the machine falls on both sides.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import onnxruntime

ENGINES = {"int8": "", "f32": "f32"}
OPPONENTS = {"int8": ["int8", "int8-channels"], "f32": ["f32"]}


class Ours:
    """The bench as a child that evaluates what it is given; its processor time is read from outside."""

    def __init__(self, bench, arithmetic):
        arguments = [bench, "--bench", "--serve"] + ([arithmetic] if arithmetic else [])
        self.child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.clock = (~self.child.pid << 3) | 2  # clock_getcpuclockid(3)

    def run(self, sequences):
        line = json.dumps(sequences, separators=(",", ":")) + "\n"
        before = time.clock_gettime(self.clock)
        self.child.stdin.write(line)
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        return time.clock_gettime(self.clock) - before, np.array(json.loads(answer))


class Theirs:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, sequences, batch=32):
        ordered = sorted(sequences, key=len)
        spent, first = 0.0, None
        for start in range(0, len(ordered), batch):
            part = ordered[start : start + batch]
            longest = max(map(len, part))
            ids = np.ones((len(part), longest), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, sequence in enumerate(part):
                ids[row, : len(sequence)] = sequence
                mask[row, : len(sequence)] = 1
            before = time.process_time()
            (states,) = self.session.run(None, {"input_ids": ids, "attention_mask": mask})
            spent += time.process_time() - before
            if sequences[0] in part:
                row = part.index(sequences[0])
                first = states[row, : len(sequences[0])].mean(axis=0)
        return spent, first


def token_ids(bench, texts):
    made = subprocess.run([bench, "--bench", "--tokens"], input="\n".join(texts) + "\n", text=True, capture_output=True, check=True)
    return [json.loads(line) for line in made.stdout.splitlines()]


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("bench")
    parser.add_argument("onnx")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--texts")
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    # Ids of whole words of the vocabulary; what they say makes no difference to the time.
    sequence = lambda tokens: [0] + random.integers(5, 60000, tokens - 2).tolist() + [2]
    workloads = {f"{tokens} tokens": [sequence(tokens) for _ in range(count)] for tokens, count in [(32, 32), (128, 8), (256, 4)]}
    if arguments.texts:
        texts = [line.strip() for line in open(arguments.texts, encoding="utf-8") if line.strip()]
        workloads["mixed"] = token_ids(arguments.bench, texts)
        lengths = sorted(map(len, workloads["mixed"]))
        print(f"mixed: {len(lengths)} texts of {lengths[0]} to {lengths[-1]} tokens, median {lengths[len(lengths) // 2]}, mean {sum(lengths) / len(lengths):.0f}")
    ours = {name: Ours(arguments.bench, arithmetic) for name, arithmetic in ENGINES.items()}
    theirs = {name: Theirs(os.path.join(arguments.onnx, f"{name}.onnx")) for group in OPPONENTS.values() for name in group}
    print(f"onnxruntime {onnxruntime.__version__}, load average {os.getloadavg()[0]:.1f} at the start")
    for workload, sequences in workloads.items():
        spent = {}
        for turn in range(arguments.rounds + 1):
            for kind, engines in (("ours", ours), ("theirs", theirs)):
                for name, engine in engines.items():
                    seconds, state = engine.run(sequences)
                    spent.setdefault((kind, name), []).append(seconds)
                    if turn == 0:  # The same model: its states must agree, or the comparison means nothing.
                        spent.setdefault("states", {})[kind, name] = state
        reference = spent["states"]["theirs", "f32"]
        for name, opponents in OPPONENTS.items():
            # The first round warms up.
            rate = {key: len(sequences) / statistics.median(times[1:]) for key, times in spent.items() if key != "states"}
            best = max(opponents, key=lambda opponent: rate["theirs", opponent])
            ratio = statistics.median(b / a for a, b in zip(spent["ours", name][1:], spent["theirs", best][1:]))
            agree = cosine(spent["states"]["ours", name], reference)
            print(
                f"{workload:11} {name:5} {rate['ours', name]:8.1f}/s   onnxruntime {best:14} {rate['theirs', best]:8.1f}/s   "
                f"ratio {ratio:.2f}   cosine to onnxruntime f32 {agree:.5f}"
            )
        sys.stdout.flush()
    for engine in ours.values():
        engine.child.stdin.close()
        engine.child.wait()


if __name__ == "__main__":
    main()
