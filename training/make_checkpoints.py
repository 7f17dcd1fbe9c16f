#!/usr/bin/env python3
"""Makes tests/checkpoints: tiny checkpoints of random weights in the formats of transformers, and what transformers says with them.

usage: make_checkpoints.py TARGET      (needs torch, transformers, tokenizers, safetensors)
TARGET gets a folder for each model with config.json, tokenizer.json, model.safetensors and expected.json:
{"cases": [{"texts": [one or two], "ids", "types", "states"?, "logits"?}]}. They hold the Rust runtime to transformers: names and
layouts of tensors, position ids, token types, pairs, heads. The weights mean nothing.
"""
import json
import pathlib
import sys
from functools import partial

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
    XLMRobertaModel,
)

WORDS = "the bank lost its largest depositor and drew on emergency funding this year cloud risk rose no was not 本 行 風 險 上 升 未 雲 端".split()
PAIRS = [
    ("the bank lost its largest depositor", "the bank drew on emergency funding"),
    ("本 行 雲 端 風 險 上 升", "cloud risk rose"),
    ("risk", "the risk rose this year and the bank lost its largest depositor"),
    ("no funding", "no"),
]
SINGLES = [("the bank lost its largest depositor and drew on emergency funding this year",), ("風 險 上 升",), ("risk",), ("no risk was not the risk",)]
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)


def tokenizer(family):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] if family == "bert" else ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {word: index for index, word in enumerate(special + WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]" if family == "bert" else "<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if family == "bert":
        single, pair = "[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
        named = ["[CLS]", "[SEP]"]
    else:
        single, pair = "<s> $A </s>", "<s> $A </s> </s> $B </s>"
        named = ["<s>", "</s>"]
    made.post_processor = processors.TemplateProcessing(single, pair, [(name, vocabulary[name]) for name in named])
    return made, len(vocabulary)


def randomise(model, half):
    """Random everywhere, biases and norms included; rounded to f16 where the file is of f16."""
    with torch.no_grad():
        for name, values in model.named_parameters():
            norm = "LayerNorm.weight" in name
            values.copy_(torch.randn_like(values) * (0.1 if norm else 0.25) + (1.0 if norm else 0.0))
            if half:
                values.copy_(values.half().float())


def make(target, name, kind, family, texts, half, labels=None):
    made, size = tokenizer(family)
    if family == "bert":
        config = BertConfig(vocab_size=size, max_position_embeddings=32, type_vocab_size=2, pad_token_id=0, **SIZES)
    else:
        config = XLMRobertaConfig(
            vocab_size=size, max_position_embeddings=34, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            layer_norm_eps=1e-5, **SIZES,
        )
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    config._attn_implementation = "eager"
    model = kind(config).eval()
    randomise(model, half)
    cases = []
    for parts in texts:
        encoding = made.encode(*parts)
        ids, types = torch.tensor([encoding.ids]), torch.tensor([encoding.type_ids])
        with torch.no_grad():
            output = model(ids, token_type_ids=types)
        case = {"texts": list(parts), "ids": encoding.ids, "types": encoding.type_ids}
        values = output.logits[0] if labels else output.last_hidden_state[0]
        case["logits" if labels else "states"] = [round(value, 5) for value in values.flatten().tolist()]
        cases.append(case)
    folder = target / name
    folder.mkdir(parents=True, exist_ok=True)
    config.architectures = [type(model).__name__]
    (folder / "config.json").write_text(json.dumps(config.to_diff_dict() | SIZES | {
        key: getattr(config, key)
        for key in ("vocab_size", "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_act", "pad_token_id")
    }, indent=1, sort_keys=True, default=str) + "\n")
    made.save(str(folder / "tokenizer.json"), pretty=False)
    tensors = {key: (values.half() if half else values).contiguous() for key, values in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "expected.json").write_text(json.dumps({"cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    target = pathlib.Path(sys.argv[1])
    torch.manual_seed(20261130)
    entailment = ["entailment", "neutral", "contradiction"]
    names = ["O", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    make(target, "bert-encoder", partial(BertModel, add_pooling_layer=False), "bert", SINGLES, True)
    make(target, "bert-pairs", BertForSequenceClassification, "bert", PAIRS, False, entailment)
    make(target, "bert-tokens", BertForTokenClassification, "bert", SINGLES, True, names)
    make(target, "xlmr-encoder", partial(XLMRobertaModel, add_pooling_layer=False), "xlmr", SINGLES, True)
    make(target, "xlmr-pairs", XLMRobertaForSequenceClassification, "xlmr", PAIRS, True, entailment)
    make(target, "xlmr-tokens", XLMRobertaForTokenClassification, "xlmr", SINGLES, True, names)
    print(sum(path.stat().st_size for path in target.rglob("*") if path.is_file()), "bytes")


if __name__ == "__main__":
    main()
