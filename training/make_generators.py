"""Makes the tiny generators of tests/generators: random weights, so that they write rubbish, in the three families that are run.

    python -m venv venv && venv/bin/pip install torch transformers gguf
    venv/bin/python training/make_generators.py tests/generators

Each family gets NAME.gguf and NAME.scores: the scores that transformers computes for TOKENS (below) with the weights as the GGUF file
keeps them, at every fourth position, as f32 in little endian. There are more tokens than Gemma's window has positions, so that mask
and window matter. The Rust tests hold the runtime against these scores.
"""

import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Q
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

WIDTH, INNER, HEADS, SHARED, HEAD = 32, 64, 4, 2, 16
WINDOW = 6
BYTES = 256
TOKENS = [2] + [9 + (at * 37 + 11) % BYTES for at in range(22)]


def vocabulary(model):
    """Names, kinds and scores: eight special tokens, a word mark, the bytes, and pieces that texts use."""
    special = {
        "llama": ["<unk>", "<s>", "<bos>", "</s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"],
        "gemma3": ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<unused0>", "<unused1>"],
        "qwen3": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool>", "</tool>", "<pad>"],
    }[model]
    tokens = [(name, gguf.TokenType.CONTROL, -1000.0) for name in special]
    if model == "qwen3":
        printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        others = iter(range(0x100, 0x200))
        tokens += [(chr(byte if byte in printable else next(others)), gguf.TokenType.NORMAL, 0.0) for byte in range(BYTES)]
        tokens += [("th", gguf.TokenType.NORMAL, 0.0), ("the", gguf.TokenType.NORMAL, 0.0)]
    else:
        tokens += [("\u2581", gguf.TokenType.NORMAL, -1.0)]
        tokens += [(f"<0x{byte:02X}>", gguf.TokenType.BYTE, 0.0) for byte in range(BYTES)]
        tokens += [(chr(letter), gguf.TokenType.NORMAL, -2.0) for letter in range(ord("a"), ord("z") + 1)]
    return tokens


def model_of(family, size):
    torch.manual_seed(7)
    shape = dict(vocab_size=size, hidden_size=WIDTH, intermediate_size=INNER, num_attention_heads=HEADS, num_key_value_heads=SHARED,
                 head_dim=HEAD, max_position_embeddings=64, tie_word_embeddings=True, attn_implementation="eager")
    if family == "llama":
        model = LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, rms_norm_eps=1e-5, rope_theta=10000.0, **shape | {"tie_word_embeddings": False}))
    elif family == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(num_hidden_layers=2, rms_norm_eps=1e-6, rope_theta=1000000.0, **shape))
    else:
        # Five local layers, one that sees all, a local one.
        model = Gemma3ForCausalLM(Gemma3TextConfig(num_hidden_layers=7, sliding_window=WINDOW, query_pre_attn_scalar=HEAD, **shape))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.copy_(torch.randn_like(weight) * 0.2 + (0.0 if family == "gemma3" else 1.0))
            else:
                weight.copy_(torch.randn_like(weight) * (0.6 if "embed" in name or "lm_head" in name else 0.25))
    return model.eval()


NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def gguf_name(family, name):
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}[name]
    _, _, index, part = name.removesuffix(".weight").split(".", 3)
    norms = {"post_attention_layernorm": "post_attention_norm" if family == "gemma3" else "ffn_norm",
             "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm"}
    return f"blk.{index}.{(NAMES | norms)[part]}.weight"


def permuted(weight, heads):
    """Llama's rotary pairs as neighbours: what the format's own converter does."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write(family, folder):
    tokens = vocabulary(family)
    model = model_of(family, len(tokens))
    writer = gguf.GGUFWriter(folder / f"{family}.gguf", family)
    layers = model.config.num_hidden_layers
    writer.add_name(f"random {family}, for tests")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(SHARED)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(model.config.rms_norm_eps)
    writer.add_rope_freq_base({"llama": 1e4, "qwen3": 1e6, "gemma3": 1e6}[family])
    if family == "gemma3":
        writer.add_sliding_window(WINDOW)
    writer.add_tokenizer_model("gpt2" if family == "qwen3" else "llama")
    if family == "qwen3":
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_merges(["t h", "th e"])
    else:
        writer.add_token_scores([score for _, _, score in tokens])
        writer.add_add_space_prefix(False)
    writer.add_token_list([name for name, _, _ in tokens])
    writer.add_token_types([kind for _, kind, _ in tokens])
    writer.add_bos_token_id({"llama": 1, "qwen3": 0, "gemma3": 2}[family])
    writer.add_eos_token_id({"llama": 3, "qwen3": 2, "gemma3": 1}[family])
    writer.add_add_bos_token(family != "qwen3")
    writer.add_chat_template({
        "llama": "<|start_header_id|>user<|end_header_id|>\n\n{{ message }}<|eot_id|>",
        "qwen3": "<|im_start|>user\n{{ message }}<|im_end|>\n{% if enable_thinking is false %}<think>\n\n</think>{% endif %}",
        "gemma3": "<start_of_turn>user\n{{ message }}<end_of_turn>\n",
    }[family])
    # Between them the types that are taken over exactly.
    kinds = {"llama": [Q.Q8_0, Q.F32], "qwen3": [Q.Q8_0], "gemma3": [Q.Q8_0, Q.Q5_0, Q.Q8_0, Q.Q4_0]}[family]
    state = model.state_dict()
    kept = {}
    for at, (name, weight) in enumerate(sorted(state.items())):
        if name == "lm_head.weight" and family != "llama":
            continue
        plain = weight = weight.float().numpy()
        if family == "llama" and ("q_proj" in name or "k_proj" in name):
            weight = permuted(weight, HEADS if "q_proj" in name else SHARED)
        if weight.ndim == 1:
            writer.add_tensor(gguf_name(family, name), weight + 1.0 if family == "gemma3" else weight)
            continue
        kind = kinds[0] if "embed" in name else kinds[at % len(kinds)]
        data = gguf.quants.quantize(np.ascontiguousarray(weight), kind)
        writer.add_tensor(gguf_name(family, name), data, raw_dtype=kind)
        # Blocks lie within rows, so the order of the rows does not matter to what is lost.
        lossy = gguf.quants.dequantize(gguf.quants.quantize(np.ascontiguousarray(plain), kind), kind)
        kept[name] = torch.from_numpy(lossy.copy())
    if family != "llama":
        kept["lm_head.weight"] = kept["model.embed_tokens.weight"]
    model.load_state_dict(state | kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with torch.no_grad():
        scores = model(torch.tensor([TOKENS])).logits[0].numpy()
    picked = scores[[*range(0, len(TOKENS), 4), len(TOKENS) - 1]].astype("<f4")
    (folder / f"{family}.scores").write_bytes(picked.tobytes())
    print(family, len(tokens), "tokens,", (folder / f"{family}.gguf").stat().st_size, "bytes; scores from", picked.min(), "to", picked.max())


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for name in ["llama", "qwen3", "gemma3"]:
        write(name, target)
