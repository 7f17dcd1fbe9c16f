#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::*;
use crate::model::encoder::Encoder;

/// Made by `training/make_checkpoints.py` with transformers.
#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    texts: Vec<String>,
    ids: Vec<u32>,
    types: Vec<u32>,
    #[serde(default)]
    states: Vec<f32>,
    #[serde(default)]
    logits: Vec<f32>,
}

impl Case {
    fn sequence(&self) -> Sequence<'_> {
        Sequence { ids: &self.ids, second: self.types.iter().position(|kind| *kind > 0).unwrap_or(self.ids.len()) }
    }
}

fn checkpoints() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints")
}

fn expected(name: &str) -> Expected {
    serde_json::from_slice(&std::fs::read(checkpoints().join(name).join("expected.json")).unwrap()).unwrap()
}

/// A registry of one of the checkpoints, its card like the shipped encoder's; `change` may damage a copied file.
fn registry(name: &str, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/models.toml");
    let mut registry: toml::Table = std::fs::read_to_string(shipped).unwrap().parse().unwrap();
    let models = registry["model"].as_array_mut().unwrap();
    models.truncate(1);
    let card = models[0].as_table_mut().unwrap();
    card.insert("name".to_owned(), name.into());
    let files = ["config.json", "tokenizer.json", "model.safetensors"].map(|file| {
        let bytes = change(file, std::fs::read(checkpoints().join(name).join(file)).unwrap());
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join(file), &bytes).unwrap();
        let mut entry = toml::Table::new();
        entry.insert("path".to_owned(), format!("{name}/{file}").into());
        entry.insert("bytes".to_owned(), (bytes.len() as i64).into());
        entry.insert("sha256".to_owned(), Digest::of(&bytes).to_string().into());
        toml::Value::Table(entry)
    });
    card.insert("file".to_owned(), files.to_vec().into());
    std::fs::write(folder.path().join("models.toml"), toml::to_string(&registry).unwrap()).unwrap();
    let opened = Registry::open(folder.path()).unwrap();
    (folder, opened)
}

fn as_it_is(name: &str) -> (tempfile::TempDir, Registry) {
    registry(name, |_, bytes| bytes)
}

/// The arithmetics, each with how far it may be from transformers in f32. Bytes: random weights 32 wide are the worst case, since
/// nothing averages the rounding out.
fn arithmetics() -> Vec<(Arithmetic, f32)> {
    let tolerance = |arithmetic| if matches!(arithmetic, Arithmetic::Bytes(_)) { 0.15 } else { 1e-4 };
    Arithmetic::available().into_iter().map(|arithmetic| (arithmetic, tolerance(arithmetic))).collect()
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let farthest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(farthest <= tolerance, "{what}: {farthest} from transformers, more than {tolerance}");
}

#[test]
fn encoders_give_the_states_of_transformers() {
    for name in ["bert-encoder", "xlmr-encoder"] {
        let (_folder, registry) = as_it_is(name);
        let expected = expected(name);
        let sequences: Vec<Sequence<'_>> = expected.cases.iter().map(Case::sequence).collect();
        for (arithmetic, tolerance) in arithmetics() {
            let runtime = Runtime::load(&mut registry.load(name).unwrap(), arithmetic).unwrap();
            // All at once: packed, of different lengths.
            for (states, case) in runtime.states(&sequences).unwrap().iter().zip(&expected.cases) {
                assert_near(states, &case.states, tolerance, &format!("{name} {}", arithmetic.name()));
            }
        }
    }
}

#[test]
fn pairs_get_the_logits_of_transformers() {
    for name in ["bert-pairs", "xlmr-pairs"] {
        let (_folder, registry) = as_it_is(name);
        let expected = expected(name);
        let sequences: Vec<Sequence<'_>> = expected.cases.iter().map(Case::sequence).collect();
        let pairs: Vec<(&str, &str)> = expected.cases.iter().map(|case| (&*case.texts[0], &*case.texts[1])).collect();
        for (arithmetic, tolerance) in arithmetics() {
            let classifier = SequenceClassifier::load_with(&registry, name, arithmetic).unwrap();
            assert_eq!(classifier.labels(), ["entailment", "neutral", "contradiction"]);
            let logits = classifier.logits(&sequences).unwrap();
            for (logits, case) in logits.iter().zip(&expected.cases) {
                assert_near(logits, &case.logits, tolerance, &format!("{name} {}", arithmetic.name()));
            }
            // The same from the texts: tokens, types and special tokens of a pair.
            let judged = classifier.judge(&pairs).unwrap();
            let from_ids: Vec<Vec<f32>> = logits.iter().map(|logits| softmax(logits)).collect();
            assert_eq!(judged.iter().map(|judged| judged.probabilities.clone()).collect::<Vec<_>>(), from_ids);
            assert!(judged.iter().all(|judged| !judged.truncated));
        }
    }
}

#[test]
fn tokens_get_the_logits_of_transformers() {
    for name in ["bert-tokens", "xlmr-tokens"] {
        let (_folder, registry) = as_it_is(name);
        let expected = expected(name);
        let sequences: Vec<Sequence<'_>> = expected.cases.iter().map(Case::sequence).collect();
        for (arithmetic, tolerance) in arithmetics() {
            let tagger = TokenClassifier::load_with(&registry, name, arithmetic).unwrap();
            for (logits, case) in tagger.logits(&sequences).unwrap().iter().zip(&expected.cases) {
                assert_near(logits, &case.logits, tolerance, &format!("{name} {}", arithmetic.name()));
            }
        }
        let tagger = TokenClassifier::load(&registry, name).unwrap();
        let text = &*expected.cases[0].texts[0];
        let tagged = tagger.tag(&[text]).unwrap().remove(0);
        assert_eq!(tagged.tokens.len() * tagger.labels().len(), tagged.probabilities.len());
        assert_eq!(tagged.tokens[1].of(text), "the");
        assert!(tagged.tokens[0].is_empty());
    }
}

#[test]
fn a_pair_has_the_same_bits_alone_and_in_every_form() {
    let (_folder, registry) = as_it_is("xlmr-pairs");
    let expected = expected("xlmr-pairs");
    let sequences: Vec<Sequence<'_>> = expected.cases.iter().map(Case::sequence).collect();
    for alike in [|a: &Arithmetic| matches!(a, Arithmetic::Bytes(_)), |a: &Arithmetic| matches!(a, Arithmetic::Single(_))] {
        let mut all = Vec::new();
        for arithmetic in Arithmetic::available().into_iter().filter(alike) {
            let classifier = SequenceClassifier::load_with(&registry, "xlmr-pairs", arithmetic).unwrap();
            let together = classifier.logits(&sequences).unwrap();
            for (sequence, together) in sequences.iter().zip(&together) {
                assert_eq!(&classifier.logits(&[*sequence]).unwrap()[0], together);
            }
            all.push(together);
        }
        assert!(all.iter().all(|logits| *logits == all[0]));
    }
}

#[test]
fn a_pair_too_long_is_cut_where_it_is_longer() {
    for name in ["bert-pairs", "xlmr-pairs"] {
        let (_folder, registry) = as_it_is(name);
        let classifier = SequenceClassifier::load(&registry, name).unwrap();
        let long = "the bank lost risk ".repeat(30);
        let tokens = classifier.tokenizer.pair(&long, "no risk", 32).unwrap();
        assert!(tokens.truncated);
        assert_eq!(tokens.ids.len(), 32);
        let whole = classifier.tokenizer.pair("", "no risk", 32).unwrap();
        // The shorter text is whole, with its closing token.
        assert_eq!(tokens.ids[32 - 3..], whole.ids[whole.ids.len() - 3..]);
        let judged = classifier.judge(&[(&long, &long), ("no", &long)]).unwrap();
        assert!(judged.iter().all(|judged| judged.truncated && (judged.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }
}

#[test]
fn what_cannot_be_run_is_refused_with_the_reason() {
    let failure =
        |name: &str, file: &'static str, from: &'static str, to: &'static str| {
            let (_folder, registry) = registry(name, |found, bytes| {
                if found == file { String::from_utf8_lossy(&bytes).replace(from, to).into_bytes() } else { bytes }
            });
            SequenceClassifier::load(&registry, name).err().unwrap().to_string()
        };
    let family = failure("bert-pairs", "config.json", "\"bert\"", "\"t5\"");
    assert!(family.contains("t5") && family.contains("xlm-roberta"), "{family}");
    let wide = failure("bert-pairs", "config.json", "\"hidden_size\": 32", "\"hidden_size\": 64");
    assert!(wide.contains("word_embeddings") && wide.contains("64"), "{wide}");
    let labels = failure("bert-pairs", "config.json", "\"2\":", "\"7\":");
    assert!(labels.contains("id2label"), "{labels}");
    let padding = failure("xlmr-pairs", "config.json", "\"pad_token_id\": 1", "\"pad_token_id\": 4000000000");
    assert!(padding.contains("pad_token_id"), "{padding}");
    // A tagger is no judge of pairs.
    let (_folder, registry) = as_it_is("bert-tokens");
    let head = SequenceClassifier::load(&registry, "bert-tokens").err().unwrap().to_string();
    assert!(head.contains("pooler.dense.weight"), "{head}");
    let (_folder, registry) = as_it_is("bert-encoder");
    assert!(TokenClassifier::load(&registry, "bert-encoder").is_err());
    assert!(Encoder::load(&registry, "bert-encoder").is_ok());
    let (_folder, registry) = as_it_is("bert-pairs");
    let empty = SequenceClassifier::load(&registry, "bert-pairs").unwrap().logits(&[Sequence::of(&[])]).unwrap_err();
    assert!(empty.to_string().contains("without tokens"), "{empty}");
}
