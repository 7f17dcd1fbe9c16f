#!/usr/bin/env python3
"""Fits the weights of the claim checker (src/verdict/weights.rs).

usage: training/fit_verdict.py [--shared ../shared] [--scrutineer target/debug/scrutineer] [--seed 7]

Needs numpy. Trains on two kinds of pairs, both of which may train weights that ship:
1. rows of SHARED/corpora/faith/dev.tgz with may_ship true and split "train" (MNLI, FEVER-NLI, PAWS, TAT-QA pairs);
2. pairs made here with SHARED/corpora/faith/mutate.py: a harmless rewrite of a sentence is supported, one harmful edit of it is not. The
   sentences are the sources of the same rows (English) and own text (training/verdict/chinese.py).
`scrutineer verify --measurements` measures them. A logistic regression is fitted by projected gradient descent: a measurement that speaks
for support may not get a negative weight, nor one that speaks against a positive one, so that the score can be explained. Every data
set weighs what DATASETS says, half of it on each label. The same seed gives the same weights."""
import argparse, collections, importlib.util, json, os, random, re, subprocess, sys, tarfile, tempfile

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "verdict"))
import chinese  # noqa: E402

# What each data set weighs, by language of the model. Chinese learns how to weigh wording from English pairs and edits from own text.
DATASETS = {
    "english": {"mnli": 4.0, "fever_nli": 0.5, "paws": 0.1, "syn_tatqa": 1.0, "made_en": 1.0},
    "chinese": {"mnli": 5.0, "fever_nli": 0.5, "paws": 0.1, "syn_tatqa": 0.3, "made_zh": 1.0},
}
PENALTY = 0.03
FOR = "coverage_best coverage_pair coverage_all ordered longest_run pairs figure_matched".split()
AGAINST = """novel_words novel_start scramble figure_elsewhere figure_conflict figure_missing unit_conflict table_gap date_conflict date_missing name_conflict
name_missing negation_odd negation_claim negation_source direction_conflict direction_loose direction_missing scope_conflict scope_loose scope_missing
substitution insertion deletion""".split()
# How long source and claim are says more about the data set than about support.
UNUSED = ["length_ratio", "source_length"]
PER_DATASET = 5000


def rows_that_may_ship(shared):
    rows = []
    with tarfile.open(os.path.join(shared, "corpora/faith/dev.tgz")) as archive:
        for member in archive:
            if member.name.endswith(".jsonl"):
                rows += [json.loads(line) for line in archive.extractfile(member).read().decode().splitlines() if line.strip()]
    return [row for row in rows if row["may_ship"] and row["split"] == "train" and row["dataset"] in ("mnli", "fever_nli", "paws", "syn_tatqa")]


def mutations(shared):
    spec = importlib.util.spec_from_file_location("mutate", os.path.join(shared, "corpora/faith/mutate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made_english(rows, mutate, rng, count):
    """Pairs from sentences of the shippable sources that have a figure, a date, a name or a word of direction to change."""
    made = []
    names = sorted({name for row in rows[::7] for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?: [A-Z][a-z]+)*", row["source"])})[:4000]
    pool = [row for row in rows if row["dataset"] in ("fever_nli", "syn_tatqa", "paws", "mnli") and 60 < len(row["source"]) < 6000]
    rng.shuffle(pool)
    for index, row in enumerate(pool):
        if len(made) >= count:
            break
        # Neighbours as distractors: their figures and names may be taken for the claim's.
        context = " ".join([pool[(index + step) % len(pool)]["source"][:400] for step in range(1, rng.choice([1, 2, 4]))] + [row["source"]])
        sentences = [part for part in re.split(r"(?<=[.!?]) +(?=[A-Z])|\n", row["source"]) if 40 < len(part) < 400 and "|" not in part]
        if not sentences:
            continue
        sentence = rng.choice(sentences)
        benign = mutate.benign_en(sentence, rng)
        harm = mutate.harm_en(benign, context, rng, names)
        if harm:
            made.append(dict(source=context, claim=benign, label=1, lang="en", dataset="made_en"))
            made.append(dict(source=context, claim=harm[0], label=0, lang="en", dataset="made_en"))
    return made


def made_chinese(mutate, rng, count):
    made = []
    for sentence, context in chinese.reports(rng, count):
        benign = mutate.benign_zh(sentence, rng)
        # Titles leave out a clause.
        if rng.random() < 0.4 and "，" in benign:
            benign = benign[: benign.rindex("，")]
        harm = mutate.harm_zh(benign, context, rng, chinese.NAMES)
        if harm:
            made.append(dict(source=context, claim=benign, label=1, lang="zh-Hant", dataset="made_zh"))
            made.append(dict(source=context, claim=harm[0], label=0, lang="zh-Hant", dataset="made_zh"))
    return made


def measure(rows, scrutineer):
    """The measurements of every row with one claim part: names, matrix, kept rows."""
    with tempfile.TemporaryDirectory() as folder:
        claims, verdicts = os.path.join(folder, "claims.jsonl"), os.path.join(folder, "verdicts.jsonl")
        with open(claims, "w") as file:
            for index, row in enumerate(rows):
                file.write(json.dumps(dict(id=index, source=row["source"], claim=row["claim"], lang=row["lang"])) + "\n")
        subprocess.run([scrutineer, "verify", "--jsonl", claims, "--out", verdicts, "--measurements", "--quiet"], check=True)
        kept, values, names = [], [], None
        for row, line in zip(rows, open(verdicts)):
            parts = json.loads(line).get("measurements") or []
            if len(parts) == 1:
                names = list(parts[0])
                kept.append(row)
                values.append(list(parts[0].values()))
    return names[:-1], numpy.array(values, dtype=numpy.float64), kept


def design(values):
    """Bias, the measurements, and the measurements times tightness (the last column)."""
    plain, tightness = values[:, :-1], values[:, -1:]
    return numpy.hstack([numpy.ones((len(values), 1)), plain, plain * tightness])


def fit(matrix, labels, weights, names, steps=400):
    size = matrix.shape[1]
    low, high = numpy.full(size, -numpy.inf), numpy.full(size, numpy.inf)
    for column in range(1, size):
        name = names[(column - 1) % len(names)]
        if name in FOR or name in UNUSED:
            low[column] = 0
        if name in AGAINST or name in UNUSED:
            high[column] = 0
    scale = matrix.std(0) + 1e-6
    scale[0] = 1
    scaled = matrix / scale
    weights = weights / weights.sum()
    probe = numpy.random.RandomState(0).randn(size)
    for _ in range(30):
        probe = scaled.T @ (weights * (scaled @ probe))
        norm = numpy.linalg.norm(probe)
        probe /= norm
    lipschitz = norm / 4 + PENALTY
    best, ahead, momentum = numpy.zeros(size), numpy.zeros(size), 1.0
    for _ in range(steps):
        error = 1 / (1 + numpy.exp(-(scaled @ ahead))) - labels
        gradient = scaled.T @ (weights * error)
        gradient[1:] += PENALTY * ahead[1:]
        step = numpy.clip(ahead - gradient / lipschitz, low, high)
        following = (1 + (1 + 4 * momentum * momentum) ** 0.5) / 2
        ahead = step + (momentum - 1) / following * (step - best)
        best, momentum = step, following
    return best / scale


def written(name, fitted, count):
    number = lambda value: f"{value:.4f}".replace("-0.0000", "0.0000")
    rows = lambda values: "\n".join("        " + ", ".join(number(value) for value in values[at : at + 10]) + "," for at in range(0, count, 10))
    return (f"pub(super) const {name}: Weights = Weights {{\n    bias: {number(fitted[0])},\n    plain: [\n{rows(fitted[1:1 + count])}\n    ],\n"
            f"    tight: [\n{rows(fitted[1 + count:])}\n    ],\n}};\n")


def main():
    arguments = argparse.ArgumentParser()
    root = os.path.dirname(HERE)
    arguments.add_argument("--shared", default=os.path.join(root, "../shared"))
    arguments.add_argument("--scrutineer", default=os.path.join(root, "target/debug/scrutineer"))
    arguments.add_argument("--seed", type=int, default=7)
    arguments = arguments.parse_args()
    rng = random.Random(arguments.seed)
    mutate = mutations(arguments.shared)
    shippable = rows_that_may_ship(arguments.shared)
    rows = made_english(shippable, mutate, rng, PER_DATASET) + made_chinese(mutate, rng, PER_DATASET)
    by = collections.defaultdict(list)
    for row in shippable:
        by[row["dataset"]].append(row)
    for dataset in sorted(by):
        rng.shuffle(by[dataset])
        rows += by[dataset][:PER_DATASET]
    names, values, kept = measure(rows, arguments.scrutineer)
    labels = numpy.array([row["label"] for row in kept], dtype=numpy.float64)
    counts = collections.Counter((row["dataset"], row["label"]) for row in kept)
    print("rows:", dict(counts))
    matrix = design(values)
    out = "//! Made by `python3 training/fit_verdict.py`; do not edit.\n\nuse super::features::COUNT;\nuse super::fusion::Weights;\n\n"
    for language, share in DATASETS.items():
        weights = numpy.array([share.get(row["dataset"], 0.0) / counts[(row["dataset"], row["label"])] for row in kept])
        fitted = fit(matrix, labels, weights, names)
        for dataset in share:
            chosen = numpy.array([row["dataset"] == dataset for row in kept])
            right = ((matrix[chosen] @ fitted >= 0) == (labels[chosen] > 0.5)).mean()
            print(f"{language:8s} {dataset:10s} n {chosen.sum():6d} right on the training rows {100 * right:.1f}%")
        out += written(language.upper(), fitted, len(names)) + "\n"
    out += "const _: () = assert!(COUNT == %d, \"fit the weights again: the measurements have changed\");\n" % len(names)
    with open(os.path.join(root, "src/verdict/weights.rs"), "w") as file:
        file.write(out)


main()
