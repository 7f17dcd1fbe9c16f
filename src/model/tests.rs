//! Model files that somebody made to do harm: whatever they hold, there is a model or an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::arithmetic::Arithmetic;
use super::encoder::Encoder;
use super::registry::Registry;
use crate::digest::Digest;

/// A tokenizer of four pieces.
const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
    "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"post_processor":null,"decoder":null,
    "model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["▁",-2.0],["▁risk",-3.0],["s",-4.0]],"byte_fallback":false}}"#;

/// The files of a model with one layer of sixteen numbers.
#[derive(Clone)]
struct Files {
    config: Vec<u8>,
    embeddings: Vec<u8>,
    layers: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        let config = serde_json::json!({
            "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 32,
            "vocab_size": 5, "max_position_embeddings": 4, "type_vocab_size": 1, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
        });
        let norm = |name: &str| vec![vector(&format!("{name}.weight"), 16, 1.0), vector(&format!("{name}.bias"), 16, 0.0)];
        let mut embeddings = norm("embeddings.LayerNorm");
        for (name, count) in [("word", 5), ("position", 4), ("token_type", 1)] {
            embeddings.extend(rows(&format!("embeddings.{name}_embeddings.weight"), [count, 16]));
        }
        let layer = |part: &str| format!("encoder.layer.0.{part}");
        let mut layers = norm(&layer("attention.output.LayerNorm"));
        layers.extend(norm(&layer("output.LayerNorm")));
        for (part, [outputs, inputs]) in [
            ("attention.self.query", [16, 16]),
            ("attention.self.key", [16, 16]),
            ("attention.self.value", [16, 16]),
            ("attention.output.dense", [16, 16]),
            ("intermediate.dense", [32, 16]),
            ("output.dense", [16, 32]),
        ] {
            layers.extend(rows(&format!("{}.weight", layer(part)), [outputs, inputs]));
            layers.push(vector(&format!("{}.bias", layer(part)), outputs, 0.5));
        }
        Self { config: config.to_string().into_bytes(), embeddings: file(&embeddings), layers: file(&layers) }
    }

    /// The configuration with one value changed.
    fn with(key: &str, value: impl Into<serde_json::Value>) -> Self {
        let mut files = Self::new();
        let mut config: serde_json::Value = serde_json::from_slice(&files.config).unwrap();
        config[key] = value.into();
        files.config = config.to_string().into_bytes();
        files
    }

    /// Loads them through a registry that vouches for them: the digests are right, whatever the files hold.
    fn load(&self) -> Result<Encoder, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "schema = \"scrutineer-models/1\"\n[[model]]\nname = \"m\"\ntask = \"embedding\"\narchitecture = \"a\"\norigin = \"o\"\n\
             revision = \"r\"\nlicence = \"MIT\"\nlanguages = []\ntraining_data = \"t\"\nintended_use = \"u\"\nlimits = \"l\"\nowner = \"w\"\n\
             materiality = \"low\"\nvalidator = \"v\"\nreview_by = \"2999-01-01\"\nstatus = \"candidate\"\n"
            .to_owned();
        for (name, bytes) in [
            ("config.json", &self.config[..]),
            ("embeddings.safetensors", &self.embeddings[..]),
            ("layers.safetensors", &self.layers[..]),
            ("tokenizer.json", TOKENIZER.as_bytes()),
        ] {
            fs::write(folder.path().join(name), bytes).unwrap();
            let digest = Digest::of(bytes);
            text += &format!("[[model.file]]\npath = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", bytes.len());
        }
        fs::write(folder.path().join("models.toml"), text).unwrap();
        let registry = Registry::open(folder.path()).unwrap();
        Encoder::load_with(&registry, "m", Arithmetic::fastest()).map_err(|error| error.to_string())
    }
}

/// A tensor: name, type, shape, bytes.
type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

fn vector(name: &str, length: usize, value: f32) -> Tensor {
    (name.to_owned(), Dtype::F32, vec![length], value.to_le_bytes().repeat(length))
}

fn rows(name: &str, [count, width]: [usize; 2]) -> [Tensor; 2] {
    let values = (0..count * width).map(|index| (index % 251) as u8).collect();
    [(name.to_owned(), Dtype::I8, vec![count, width], values), vector(&format!("{name}.scale"), count, 0.01)]
}

fn file(tensors: &[Tensor]) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, dtype, shape, bytes)| (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn sound_files_give_a_model() {
    let encoder = Files::new().load().unwrap();
    let encoded = encoder.encode(&["risks"]).unwrap();
    assert_eq!((encoder.width(), encoded[0].pooled.len()), (16, 16));
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let sound = Files::new();
    let half = 0.5_f32.to_le_bytes();
    let at = sound.layers.windows(4).rposition(|window| window == half).unwrap();
    for value in [f32::NAN, f32::INFINITY] {
        let mut files = sound.clone();
        files.layers[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let error = files.load().err().unwrap();
        assert!(error.contains("not finite"), "{error}");
    }
}

#[test]
fn a_configuration_that_the_files_do_not_bear_out_is_refused() {
    for (key, value, word) in [
        ("hidden_size", serde_json::json!(32), "tensor"),
        ("hidden_size", u64::MAX.into(), "hidden_size"),
        ("hidden_size", 0.into(), "hidden_size"),
        ("hidden_size", (-16).into(), "config.json"),
        ("num_hidden_layers", 1000.into(), "encoder.layer.1"),
        ("num_hidden_layers", (1_u64 << 40).into(), "num_hidden_layers"),
        ("vocab_size", (1 << 24).into(), "word_embeddings"),
        ("max_position_embeddings", (1 << 20).into(), "position_embeddings"),
        ("max_position_embeddings", 2.into(), "room"),
        ("num_attention_heads", 3.into(), "multiple"),
        ("num_attention_heads", 2.into(), "16"),
        ("hidden_act", "relu".into(), "relu"),
        ("model_type", "pickle".into(), "pickle"),
    ] {
        let error = Files::with(key, value.clone()).load().err().unwrap();
        assert!(error.contains(word), "{key} = {value}: {error}");
    }
}

#[test]
fn a_header_that_lies_is_refused() {
    let sound = Files::new();
    // The length of the header is the first eight bytes (safetensors format): beyond the file, and beyond all memory.
    for length in [u64::MAX, 1 << 40, sound.layers.len() as u64, 0] {
        let mut files = sound.clone();
        files.layers[..8].copy_from_slice(&length.to_le_bytes());
        assert!(files.load().is_err());
    }
    // Offsets that overlap, run backwards or reach beyond the file.
    for other in ["0,999999999999", "64,0", "18446744073709551615,64"] {
        let header = format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":[16],\"data_offsets\":[{other}]}}}}");
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 64]].concat();
        Files { layers: bytes, ..sound.clone() }.load().err().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever the bytes, there is a model or an error: no panic, and no allocation beyond the files' size.
    #[test]
    fn no_bytes_crash_the_reader(which in 0_usize..3, at in 0_usize..6000, with in any::<u8>(), cut in 0_usize..200) {
        let mut files = Files::new();
        let bytes = [&mut files.config, &mut files.embeddings, &mut files.layers].into_iter().nth(which).unwrap();
        let length = bytes.len();
        bytes[at % length] = with;
        if cut % 4 == 0 {
            bytes.truncate(length - cut % length);
        }
        if let Ok(encoder) = files.load() {
            let _ = encoder.encode(&["risks"]);
        }
    }
}
