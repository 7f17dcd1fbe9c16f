#!/usr/bin/env python3
"""Holds the generator against llama.cpp: one thread each, processor time, turn and turn about in one run.

usage: llamacpp_pairs.py BENCH MODEL.gguf [--rounds N] [--read N] [--write N]
BENCH is the built bench (`cargo bench --bench generator --no-run` prints its path). llama.cpp comes through its Python binding:
`pip install llama-cpp-python`, which builds it for the processor at hand. Both get the same token ids and write the likeliest
tokens; whether they wrote the same is part of the answer.
"""
import argparse
import ctypes
import json
import statistics
import subprocess
import time

import llama_cpp

TEXT = (
    "The bank depends on a small number of third-party providers for its core systems, and an outage at one of them could interrupt "
    "payments, delay reporting to the supervisor and lead to losses that its insurance does not cover. Management reviewed the exit "
    "plans of its three largest providers and found that two of them had never been tested. "
)


class Ours:
    def __init__(self, bench, model):
        self.child = subprocess.Popen([bench, "--bench", "--serve", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, prompt, write):
        self.child.stdin.write(json.dumps([prompt, write], separators=(",", ":")) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        return answer["tokens"], answer["read_seconds"], answer["write_seconds"]


class Theirs:
    def __init__(self, model):
        llama_cpp.llama_log_set(QUIET, ctypes.c_void_p(0))
        self.model = llama_cpp.Llama(model, n_ctx=2048, n_batch=512, n_threads=1, n_threads_batch=1, n_gpu_layers=0, verbose=False)

    def tokens(self, text):
        return self.model.tokenize(text.encode(), add_bos=True)

    def run(self, prompt, write):
        self.model.reset()
        # Keys and values of the round before are dropped, not reused.
        self.model._ctx.kv_cache_clear()
        start = time.process_time()
        self.model.eval(prompt)
        read = time.process_time()
        tokens = []
        for _ in range(write):
            token = self.model.sample(temp=0.0, top_k=1, repeat_penalty=1.0)
            tokens.append(token)
            if token == self.model.token_eos():
                break
            self.model.eval([token])
        return tokens, read - start, time.process_time() - read


@llama_cpp.llama_log_callback
def QUIET(level, text, data):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--read", type=int, default=256)
    parser.add_argument("--write", type=int, default=32)
    arguments = parser.parse_args()
    theirs, ours = Theirs(arguments.model), Ours(arguments.bench, arguments.model)
    prompt = theirs.tokens(TEXT * (1 + arguments.read // 40))[: arguments.read]
    print(llama_cpp.llama_print_system_info().decode())
    rates = {name: {"reading": [], "writing": []} for name in ("scrutineer", "llama.cpp")}
    same = True
    for number in range(arguments.rounds + 1):
        written = {}
        for name, engine in sorted({"scrutineer": ours, "llama.cpp": theirs}.items(), reverse=number % 2 == 1):
            tokens, reading, writing = engine.run(prompt, arguments.write)
            written[name] = tokens
            # The first round warms up.
            if number:
                rates[name]["reading"].append(len(prompt) / reading)
                rates[name]["writing"].append(len(tokens) / writing)
        same &= written["scrutineer"] == written["llama.cpp"]
    for part in ("reading", "writing"):
        own, other = rates["scrutineer"][part], rates["llama.cpp"][part]
        ratio = statistics.median(a / b for a, b in zip(own, other))
        print(f"{part:8} scrutineer {statistics.median(own):7.1f}/s   llama.cpp {statistics.median(other):7.1f}/s   ratio {ratio:.2f}")
    print("the same tokens" if same else "other tokens: the arithmetics round differently")


if __name__ == "__main__":
    main()
