#!/usr/bin/env python3
"""Trains the label head: linear, multi-label, on the frozen encoder's mean-pooled states.

    train_heads.py texts  --gold GOLD --out TEXTS.jsonl
    scrutineer classify --jsonl TEXTS.jsonl --embeddings EMB.safetensors
    train_heads.py check  --gold GOLD --embeddings EMB.safetensors --predictions OOF.jsonl [--seed N] [--method plain]
    train_heads.py train  --gold GOLD --embeddings EMB.safetensors --head HEAD.safetensors

GOLD is a folder with en/dev.jsonl and zh/dev.jsonl. `check` writes out-of-fold predictions (`score/classify.py` scores them) and
prints the same figures; `train` makes the shipped file. Everything that is chosen (regularisation, calibration, threshold) is
chosen inside the training folds; folds never split a document or an issuer. Needs numpy, scipy and scikit-learn; one core, about
two minutes. README.md in this folder says why it is built this way."""
import argparse, collections, json, hashlib, pathlib, struct, tomllib
import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold

HERE = pathlib.Path(__file__).resolve().parent
FORMAT = "scrutineer-head/1"
OUTER, INNER = 5, 4
GRID = [dict(penalty=p, prior=a) for p in (60.0, 100.0, 200.0) for a in (0.3, 0.6)]
WRITTEN_WEIGHT = 2.0      # a written passage counts as two: they are short and few
BALANCE = 0.5             # positives weigh (negatives / positives) ** 0.5
OFFSET_RIDGE = 5.0        # shrinks the calibration offsets of single labels to the common one
FALSE_ALARM_COST = 0.1    # F1 points that a point of false alarms costs when the threshold is chosen
MIN_EXAMPLES, MIN_F1 = 8, 0.40


# ------------------------------------------------------------------ data

def read_jsonl(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]

def gold_rows(folder):
    return [r for lang in ("en", "zh") for r in read_jsonl(pathlib.Path(folder) / lang / "dev.jsonl")]

def written_rows():
    rows = []
    for lang in ("en", "zh"):
        lines = (HERE / "data" / f"own_passages_{lang}.tsv").read_text(encoding="utf-8").splitlines()
        for n, line in enumerate(lines, 1):
            if line and not line.startswith("#"):
                tag, labels, text = line.split("\t")
                rows.append(dict(id=f"written-{lang}-{n}", lang=tag, text=text, labels=[l for l in labels.split(",") if l]))
    return rows

def taxonomy():
    with open(HERE.parent / "pipelines" / "taxonomy.toml", "rb") as f:
        return tomllib.load(f)["label"]

def phrase_rows(labels):
    return [dict(id=f"phrase-{l['id']}-{lang}-{n}", lang=lang, text=text)
            for l in labels for lang in ("en", "zh") for n, text in enumerate(l[f"phrases_{lang}"])]

def group_of(row):
    """The document or issuer that must not be on both sides of a split."""
    return row.get("issuer") or "/".join(row["doc"].split("/")[:2])

def meaning_digest(labels):
    """The same as finding::taxonomy::Taxonomy::meaning_digest."""
    sha = hashlib.sha256()
    for l in labels:
        for part in (l["id"], l["group"], l.get("exclusive_set", ""), l["definition_en"], l["definition_zh"]):
            raw = part.encode()
            sha.update(struct.pack("<Q", len(raw)) + raw)
    return sha.hexdigest()

def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, info in header.items():
        assert info["dtype"] == "F32", info
        start, end = info["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + size + start:8 + size + end], "<f4").reshape(info["shape"]).astype(np.float64)
    return tensors, metadata

def write_safetensors(path, tensors, metadata):
    header, body = {"__metadata__": metadata}, b""
    for name in sorted(tensors):
        data = np.ascontiguousarray(tensors[name], "<f4")
        header[name] = dict(dtype="F32", shape=list(data.shape), data_offsets=[len(body), len(body) + data.nbytes])
        body += data.tobytes()
    head = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(head)) + head + body)

class Data:
    def __init__(self, gold, embeddings):
        self.labels = taxonomy()
        self.ids = [l["id"] for l in self.labels]
        self.rows, written = gold_rows(gold), written_rows()
        tensors, self.metadata = read_safetensors(embeddings)
        place = {id: n for n, id in enumerate(json.loads(self.metadata["ids"]))}
        take = lambda rows: tensors["pooled"][[place[r["id"]] for r in rows]]
        self.x, self.x_written = take(self.rows), take(written)
        self.y, self.y_written = self.matrix(self.rows), self.matrix(written)
        phrases = phrase_rows(self.labels)
        pooled = take(phrases)
        owner = np.array([r["id"].removeprefix("phrase-").rsplit("-", 2)[0] for r in phrases])
        self.phrases = np.stack([pooled[owner == id].mean(0) for id in self.ids])
        self.groups = np.array([group_of(r) for r in self.rows])
        self.english = np.array([r["lang"] == "en" for r in self.rows])
        sets = collections.defaultdict(list)
        for n, l in enumerate(self.labels):
            if "exclusive_set" in l: sets[l["exclusive_set"]].append(n)
        self.sets = list(sets.values())

    def matrix(self, rows):
        y = np.zeros((len(rows), len(self.ids)), bool)
        for n, r in enumerate(rows):
            for l in r["labels"]: y[n, self.ids.index(l)] = True
        return y

    def folds(self, index, k, seed):
        return [(index[a], index[b]) for a, b in GroupKFold(k, shuffle=True, random_state=seed).split(index, groups=self.groups[index])]


# ------------------------------------------------------------------ the linear model

def logistic(x, y, weight, penalty, prior):
    """All labels at once: weighted logistic loss + penalty/2 |w - prior|^2. Returns weights [labels, width] and biases."""
    labels, width = prior.shape
    sign = np.where(y, 1.0, -1.0)
    rate = np.clip((weight * y).sum(0) / weight.sum(0), 1e-3, 1 - 1e-3)
    def loss(v):
        w, b = v[:labels * width].reshape(labels, width), v[labels * width:]
        z = sign * (x @ w.T + b)
        g = -weight * sign / (1 + np.exp(np.clip(z, -50, 50)))
        value = (weight * np.logaddexp(0, -z)).sum() + penalty / 2 * ((w - prior) ** 2).sum()
        return value, np.concatenate([(g.T @ x + penalty * (w - prior)).ravel(), g.sum(0)])
    start = np.concatenate([prior.ravel(), np.log(rate / (1 - rate))])
    v = minimize(loss, start, jac=True, method="L-BFGS-B", options=dict(maxiter=60)).x
    return v[:labels * width].reshape(labels, width), v[labels * width:]

def balanced(y):
    positives = np.maximum(y.sum(0), 1)
    return np.where(y, ((len(y) - positives) / positives) ** BALANCE, 1.0)

class Linear:
    """Weights in the encoder's own space, relative to the training mean; the last row is the gate: any label at all."""
    def __init__(self, data, train, penalty, prior):
        pool = np.vstack([data.x[train], data.x_written])
        self.mean = pool.mean(0)
        scale = 1 / np.sqrt((pool - self.mean).var(0).mean())
        self.center = data.phrases.mean(0)
        direction = data.phrases - self.center
        self.direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        y, y_written = with_gate(data.y[train]), with_gate(data.y_written)
        weight = np.vstack([balanced(y), WRITTEN_WEIGHT * balanced(y_written)])
        weight[:, -1] = np.where(np.arange(len(weight)) < len(train), 1.0, WRITTEN_WEIGHT)
        start = np.vstack([prior * self.direction, np.zeros(pool.shape[1])])
        w, self.bias = logistic((pool - self.mean) * scale, np.vstack([y, y_written]), weight, penalty, start)
        self.weight = w * scale

    def logits(self, x):
        return (x - self.mean) @ self.weight.T + self.bias

    def by_phrases(self, x):
        """What the label's phrases alone would give, before calibration."""
        return (x - self.mean) @ self.direction.T

def with_gate(y):
    return np.hstack([y, y.any(1, keepdims=True)])

def calibrate(scores, gate, y, ridge):
    """Platt: p = sigmoid(slope * score + gate_slope * gate + offset + offset of the label), the last shrunk by `ridge`; no label
    offsets where it is None."""
    sign, n = np.where(y, 1.0, -1.0), y.shape[1]
    def loss(v):
        own = v[3:] if ridge else np.zeros(n)
        z = sign * (v[0] * scores + v[1] * gate[:, None] + v[2] + own)
        g = -sign / (1 + np.exp(np.clip(z, -50, 50)))
        common = [(g * scores).sum(), (g.sum(1) * gate).sum(), g.sum()]
        return np.logaddexp(0, -z).sum() + (ridge or 0) / 2 * (own @ own), np.concatenate([common, g.sum(0) + ridge * own] if ridge else [common])
    v = minimize(loss, np.concatenate([[1, 0, 0], np.zeros(n if ridge else 0)]), jac=True, method="L-BFGS-B").x
    return v[0], v[1], v[2] + (v[3:] if ridge else np.zeros(n))

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def decide(data, p, threshold):
    """Labels whose probability reaches the threshold; of exclusive ones the likeliest."""
    got = p >= threshold
    for members in data.sets:
        best = np.zeros((len(p), len(members)), bool)
        best[np.arange(len(p)), p[:, members].argmax(1)] = True
        got[:, members] &= best
    return got

def choose_threshold(data, p, y, english):
    """One threshold for all labels: with 8 to 30 positives a label, thresholds of their own cost 1 to 2 points out of fold and
    add false alarms, even when shrunk to the common one; the offsets of the calibration already tell labels apart."""
    def worth(t):
        got, total = decide(data, p, t), 0.0
        for part in (english, ~english):
            a, b = y[part], got[part]
            total += 2 * (a & b).sum() / max(1, a.sum() + b.sum()) - FALSE_ALARM_COST * b[~a.any(1)].any(1).mean()
        return total
    return max(np.round(np.linspace(0.05, 0.8, 76), 2), key=worth)

def fit(data, train, seed):
    """Selection, calibration and threshold from inner folds of `train`, then one model on all of it."""
    best = None
    folds = data.folds(train, INNER, seed + 1)
    place = {row: n for n, row in enumerate(train)}
    for setting in GRID:
        logits, phrases = np.zeros((len(train), len(data.ids) + 1)), np.zeros((len(train), len(data.ids)))
        for a, b in folds:
            model, at = Linear(data, a, **setting), [place[row] for row in b]
            logits[at], phrases[at] = model.logits(data.x[b]), model.by_phrases(data.x[b])
        english, y = data.english[train], data.y[train]
        quality = np.mean([average_precision_score(y[m].ravel(), logits[m][:, :-1].ravel()) for m in (english, ~english)])
        if best is None or quality > best[0]: best = (quality, setting, logits, phrases)
    _, setting, logits, phrases = best
    scores, gate = logits[:, :-1], logits[:, -1]
    slope, gate_slope, offset = calibrate(scores, gate, y, OFFSET_RIDGE)
    p = sigmoid(slope * scores + gate_slope * gate[:, None] + offset)
    zero = calibrate(phrases, gate, y, None)
    p_zero = sigmoid(zero[0] * phrases + zero[1] * gate[:, None] + zero[2])
    return dict(model=Linear(data, train, **setting), setting=setting, slope=slope, gate_slope=gate_slope, offset=offset,
                threshold=choose_threshold(data, p, y, english), zero=zero, zero_threshold=choose_threshold(data, p_zero, y, english))

def probabilities(fitted, x):
    logits = fitted["model"].logits(x)
    return sigmoid(fitted["slope"] * logits[:, :-1] + fitted["gate_slope"] * logits[:, -1:] + fitted["offset"])

def zero_shot_probabilities(fitted, x):
    model, (slope, gate_slope, offset) = fitted["model"], fitted["zero"]
    return sigmoid(slope * model.by_phrases(x) + gate_slope * model.logits(x)[:, -1:] + offset)


# ------------------------------------------------------------------ out of fold

def out_of_fold(data, seed, method):
    got, p = np.zeros(data.y.shape, bool), np.zeros(data.y.shape)
    for train, test in data.folds(np.arange(len(data.rows)), OUTER, seed):
        if method == "plain":
            got[test], p[test] = plain(data, train, test, seed)
        else:
            fitted = fit(data, train, seed)
            if method == "phrases":
                p[test] = zero_shot_probabilities(fitted, data.x[test])
                got[test] = decide(data, p[test], fitted["zero_threshold"])
            else:
                p[test] = probabilities(fitted, data.x[test])
                got[test] = decide(data, p[test], fitted["threshold"])
    return got, p

def plain(data, train, test, seed):
    """The floor: one logistic regression per label on unit-length embeddings, a threshold per label from inner folds."""
    x = data.x / np.linalg.norm(data.x, axis=1, keepdims=True)
    def scores(a, b):
        out = np.full((len(b), len(data.ids)), -20.0)
        for j in range(len(data.ids)):
            if data.y[a][:, j].any():
                out[:, j] = LogisticRegression(C=10, class_weight="balanced", max_iter=300).fit(x[a], data.y[a][:, j]).decision_function(x[b])
        return out
    place, inner = {row: n for n, row in enumerate(train)}, np.zeros((len(train), len(data.ids)))
    for a, b in data.folds(train, INNER, seed + 1): inner[[place[row] for row in b]] = scores(a, b)
    outer, y = scores(train, test), data.y[train]
    f1 = lambda j, t: 2 * (y[:, j] & (inner[:, j] >= t)).sum() / max(1, y[:, j].sum() + (inner[:, j] >= t).sum())
    limits = [max(np.unique(inner[:, j]), key=lambda t: f1(j, t)) if y[:, j].any() else np.inf for j in range(len(data.ids))]
    return outer >= limits, sigmoid(outer)

def f1_by_label(y, got):
    return 2 * (y & got).sum(0) / np.maximum(1, y.sum(0) + got.sum(0))

def report(data, got):
    for name, part in (("en", data.english), ("zh", ~data.english)):
        y, g = data.y[part], got[part]
        often = y.sum(0) >= 8
        micro = 2 * (y & g).sum() / (y.sum() + g.sum())
        print(f"{name}: micro F1 {100 * micro:.1f}  macro F1 (8 or more) {100 * f1_by_label(y, g)[often].mean():.1f}  "
              f"false alarms {100 * g[~y.any(1)].any(1).mean():.1f}")

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["texts", "check", "train"])
    parser.add_argument("--gold", required=True); parser.add_argument("--out"); parser.add_argument("--embeddings")
    parser.add_argument("--predictions"); parser.add_argument("--head"); parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", choices=["head", "phrases", "plain"], default="head")
    a = parser.parse_args()
    if a.what == "texts":
        rows = gold_rows(a.gold) + written_rows() + phrase_rows(taxonomy())
        with open(a.out, "w", encoding="utf-8") as f:
            for r in rows: f.write(json.dumps({k: r[k] for k in ("id", "text", "lang")}, ensure_ascii=False) + "\n")
        return
    data = Data(a.gold, a.embeddings)
    got, p = out_of_fold(data, a.seed, a.method)
    report(data, got)
    if a.predictions:
        with open(a.predictions, "w", encoding="utf-8") as f:
            for n, r in enumerate(data.rows):
                row = dict(id=r["id"], labels=[l for j, l in enumerate(data.ids) if got[n, j]],
                           scores={l: round(float(p[n, j]), 4) for j, l in enumerate(data.ids)})
                f.write(json.dumps(row) + "\n")
    if a.what == "check":
        return
    fitted = fit(data, np.arange(len(data.rows)), a.seed)
    model, (zero_slope, zero_gate, zero_offset) = fitted["model"], fitted["zero"]
    weight = fitted["slope"] * model.weight[:-1] + fitted["gate_slope"] * model.weight[-1]
    bias = fitted["slope"] * model.bias[:-1] + fitted["gate_slope"] * model.bias[-1] + fitted["offset"]
    f1, known = f1_by_label(data.y, got), []
    for j, id in enumerate(data.ids):
        examples = int(data.y[:, j].sum())
        known.append(dict(id=id, examples=examples, written_examples=int(data.y_written[:, j].sum()),
                          f1=round(float(f1[j]), 3) if examples else None, weak=bool(examples < MIN_EXAMPLES or f1[j] < MIN_F1)))
    tensors = dict(weight=weight, bias=bias, threshold=np.full(len(data.ids), fitted["threshold"]), mean=model.mean,
                   phrase_center=model.center, gate=model.weight[-1],
                   zero_shot=np.array([zero_slope, zero_gate, model.bias[-1], zero_offset[0], fitted["zero_threshold"]]))
    write_safetensors(a.head, tensors, dict(format=FORMAT, encoder=data.metadata["encoder"], taxonomy=meaning_digest(data.labels),
                                            labels=json.dumps(known), calibration="platt with a gate, folded into weight and bias"))
    print(f"wrote {a.head}: {fitted['setting']}, threshold {fitted['threshold']}, zero-shot threshold {fitted['zero_threshold']}")
    print("weak:", ", ".join(l["id"] for l in known if l["weak"]))

main()
