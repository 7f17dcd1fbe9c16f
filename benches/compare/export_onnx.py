#!/usr/bin/env python3
"""Makes the ONNX forms of an encoder that benches/compare/onnxruntime_pairs.py measures.

usage: export_onnx.py MODEL TARGET      (needs torch, transformers, onnx, onnxruntime)
MODEL is a Hugging Face folder (config.json, model.safetensors) of a BERT or XLM-R encoder.
TARGET gets
  f32.onnx    f32, the graph fused by onnxruntime's own optimiser for transformers (attention, bias-GELU, skip-layer-norm)
  int8.onnx   the same, dynamically quantised with int8 weights, one scale per matrix (onnxruntime's default)
  int8-channels.onnx   the same with one scale per output
"""
import pathlib
import sys

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from transformers import AutoConfig, AutoModel


def main():
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    config = AutoConfig.from_pretrained(source, attn_implementation="eager")
    model = AutoModel.from_pretrained(source, config=config, add_pooling_layer=False, torch_dtype=torch.float32).eval()
    plain = target / "plain.onnx"
    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        model,
        (ids, torch.ones_like(ids)),
        str(plain),
        input_names=["input_ids", "attention_mask"],
        output_names=["states"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "states": axes},
        opset_version=14,
    )
    options = FusionOptions("bert")
    fused = optimizer.optimize_model(
        str(plain), "bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, optimization_options=options
    )
    fused.save_model_to_file(str(target / "f32.onnx"))
    kinds = {}
    for node in onnx.load(str(target / "f32.onnx")).graph.node:
        kinds[node.op_type] = kinds.get(node.op_type, 0) + 1
    print("fused graph:", kinds)
    for name, channels in [("int8", False), ("int8-channels", True)]:
        # The fused operators are unknown to ONNX, which cannot infer the types behind them.
        extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(
            str(target / "f32.onnx"),
            str(target / f"{name}.onnx"),
            per_channel=channels,
            weight_type=QuantType.QInt8,
            extra_options=extra,
        )
    plain.unlink()


if __name__ == "__main__":
    main()
