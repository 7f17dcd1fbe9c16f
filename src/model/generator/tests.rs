//! The runtime against transformers, on tiny models of random weights made by training/make_generators.py.

use std::path::PathBuf;

use proptest::prelude::*;

use super::sampling::Sampling;
use super::*;

const FAMILIES: [&str; 3] = ["llama", "qwen3", "gemma3"];

/// What training/make_generators.py gave the models to read, and the positions whose scores it kept.
fn tokens() -> Vec<u32> {
    [2].into_iter().chain((0..22).map(|at| 9 + (at * 37 + 11) % 256)).collect()
}

const POSITIONS: [usize; 7] = [0, 4, 8, 12, 16, 20, 22];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generators").join(name)
}

fn model(family: &str, threads: usize) -> LanguageModel {
    LanguageModel::open(&fixture(&format!("{family}.gguf")), threads).unwrap()
}

fn continued(_: Progress<'_>) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

#[test]
fn scores_are_those_of_transformers_however_the_prompt_is_read() {
    for family in FAMILIES {
        let model = model(family, 1);
        let size = model.tokenizer().size();
        let expected: Vec<f32> = std::fs::read(fixture(&format!("{family}.scores")))
            .unwrap()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        assert_eq!(expected.len(), POSITIONS.len() * size, "{family}");
        let tokens = tokens();
        let mut session = model.session(64).unwrap();
        for (position, expected) in POSITIONS.iter().zip(expected.chunks_exact(size)) {
            // In one go, in parts that end within the window and beyond it, and token by token.
            let ways = [256, 9, 4, 1].map(|part| {
                session.forget();
                session.scores(&tokens[..=*position], part).unwrap()
            });
            for (score, expected) in ways[0].iter().zip(expected) {
                assert!((score - expected).abs() < 1e-3, "{family}, position {position}: {score}, not {expected}");
            }
            assert!(ways.iter().all(|scores| *scores == ways[0]), "{family}, position {position}: a part changes bits");
        }
    }
}

#[test]
fn threads_and_what_was_read_before_change_no_bit() {
    for family in FAMILIES {
        let (alone, shared) = (model(family, 1), model(family, 3));
        let tokens = tokens();
        let scores = alone.session(64).unwrap().scores(&tokens, 256).unwrap();
        let mut session = shared.session(64).unwrap();
        assert_eq!(session.scores(&tokens, 256).unwrap(), scores, "{family}");
        assert_eq!(session.scores(&tokens, 1).unwrap(), scores, "{family}: all known but the last");
        // Another ending first: the part that is the same is kept.
        let other = [&tokens[..12], &[20, 21, 22]].concat();
        let sampling = Sampling::default();
        let generated =
            session.generate(&other, &sampling, &Limits { max_tokens: 5, ..Limits::default() }, &mut continued).unwrap();
        assert_eq!(generated.reused_tokens, 12);
        assert_eq!(session.scores(&tokens, 4).unwrap(), scores, "{family}");
    }
}

#[test]
fn a_shared_beginning_read_once_gives_the_same_text() {
    for family in FAMILIES {
        let model = model(family, 1);
        let sampling = Sampling { temperature: 0.8, seed: 5, ..Sampling::default() };
        let limits = Limits { max_tokens: 20, ..Limits::default() };
        let prompts = ["the bank", "the loss", "risk"].map(|said| model.form().prompt(model.tokenizer(), "say it", said));
        let mut kept = model.session(64).unwrap();
        for prompt in &prompts {
            let fresh = model.session(64).unwrap().generate(prompt, &sampling, &limits, &mut continued).unwrap();
            let again = kept.generate(prompt, &sampling, &limits, &mut continued).unwrap();
            assert_eq!((&fresh.text, &fresh.tokens, fresh.finish), (&again.text, &again.tokens, again.finish), "{family}");
            assert_eq!(fresh.reused_tokens, 0);
        }
        assert!(kept.generate(&prompts[2], &sampling, &limits, &mut continued).unwrap().reused_tokens > 2, "{family}");
    }
}

#[test]
fn a_seed_decides_and_threads_do_not() {
    let (alone, shared) = (model("qwen3", 1), model("qwen3", 2));
    let limits = Limits { max_tokens: 24, ..Limits::default() };
    let write = |model: &LanguageModel, seed| {
        let sampling = Sampling { temperature: 3.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed, ..Sampling::default() };
        let prompt = model.form().prompt(model.tokenizer(), "", "the bank");
        model.session(64).unwrap().generate(&prompt, &sampling, &limits, &mut continued).unwrap()
    };
    assert_eq!(write(&alone, 1), write(&shared, 1));
    assert_eq!(write(&alone, 1), write(&alone, 1));
    assert_ne!(write(&alone, 1).tokens, write(&alone, 2).tokens);
}

#[test]
fn a_session_has_its_bounds() {
    let model = model("gemma3", 1);
    let prompt = tokens();
    let mut session = model.session(24).unwrap();
    assert_eq!(session.capacity(), 24);
    assert!(model.session(1).is_err());
    // No more than the model was trained to see.
    assert_eq!(model.session(1 << 40).unwrap().capacity(), 2048);
    let generate = |session: &mut Session<'_>, prompt: &[u32], limits: &Limits| {
        session.generate(prompt, &Sampling { temperature: 1.5, ..Sampling::default() }, limits, &mut continued)
    };
    let error = generate(&mut session, &[5; 24], &Limits::default()).unwrap_err();
    assert!(matches!(error, ModelError::Prompt { tokens: 24, room: 23, .. }), "{error}");
    assert!(matches!(generate(&mut session, &[], &Limits::default()), Err(ModelError::Prompt { tokens: 0, .. })));
    assert!(generate(&mut session, &[9_999], &Limits::default()).unwrap_err().to_string().contains("9999"));
    let full = generate(&mut session, &prompt, &Limits::default()).unwrap();
    assert!(matches!(full.finish, Finish::Full | Finish::Ended) && full.tokens.len() <= 2, "{full:?}");
    let none = generate(&mut session, &prompt, &Limits { max_tokens: 0, ..Limits::default() }).unwrap();
    assert_eq!((none.finish, none.tokens.len()), (Finish::Length, 0));
    let faulty = Sampling { top_p: 0.0, ..Sampling::default() };
    assert!(session.generate(&prompt, &faulty, &Limits::default(), &mut continued).is_err());
}

#[test]
fn a_caller_hears_of_every_step_and_may_stop() {
    let model = model("llama", 1);
    let mut session = model.session(64).unwrap();
    let limits = Limits { max_tokens: 12, ..Limits::default() };
    let (mut told, mut read) = (String::new(), Vec::new());
    let sampling = Sampling { temperature: 1.0, ..Sampling::default() };
    let generated = session
        .generate(&tokens(), &sampling, &limits, &mut |progress| {
            match progress {
                Progress::Prompt { read: so_far, all } => read.push((so_far, all)),
                Progress::Text(text) => told.push_str(text),
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((read, &told), (vec![(23, 23)], &generated.text));
    let mut steps = 0;
    let stopped = session
        .generate(&tokens(), &sampling, &limits, &mut |_| {
            steps += 1;
            if steps > 3 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((stopped.finish, stopped.tokens.len()), (Finish::Cancelled, 3));
    assert_eq!(stopped.tokens, generated.tokens[..3]);
}

#[test]
fn control_tokens_are_never_said() {
    for family in FAMILIES {
        let model = model(family, 1);
        let limits = Limits { max_tokens: 40, ..Limits::default() };
        for seed in 0..4 {
            let sampling = Sampling { temperature: 5.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed, ..Sampling::default() };
            let said = model.session(64).unwrap().generate(&[2, 20, 30], &sampling, &limits, &mut continued).unwrap();
            assert!(said.tokens.iter().all(|token| model.tokenizer().unspoken().all(|unspoken| unspoken != *token)), "{family}");
        }
    }
}

#[test]
fn a_file_of_another_kind_is_refused_with_its_name_and_the_reason() {
    use gguf::tests::Writer;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("other.gguf");
    let sound = std::fs::read(fixture("qwen3.gguf")).unwrap();
    for (bytes, words) in [
        (Writer::default().bytes(), "no list of tokens"),
        (sound[..sound.len() - 4000].to_vec(), "cut off"),
        (replaced(&sound, b"qwen3", b"qwen9"), "`qwen9`"),
        (replaced(&sound, b"blk.1.ffn_up.weight", b"blk.1.ffn_up.welght"), "blk.1.ffn_up.welght"),
        (replaced(&sound, b"blk.1.attn_q_norm.weight", b"blk.7.attn_q_norm.weight"), "blk.7.attn_q_norm.weight"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = LanguageModel::open(&path, 1).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("other.gguf") && error.contains(words), "{error:?} lacks {words:?}");
    }
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() - old.len() {
        if bytes[at..].starts_with(old) {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A file with some bytes changed is refused, or run without a fault.
    #[test]
    fn a_damaged_model_is_refused_or_run(
        family in 0_usize..3, changes in proptest::collection::vec((0_usize..16_000, any::<u8>()), 1..5),
    ) {
        let mut bytes = std::fs::read(fixture(&format!("{}.gguf", FAMILIES[family]))).unwrap();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("damaged.gguf");
        std::fs::write(&path, bytes).unwrap();
        if let Ok(model) = LanguageModel::open(&path, 1) && let Ok(mut session) = model.session(32) {
            let prompt = model.form().prompt(model.tokenizer(), "", "a");
            let _ = session.generate(&prompt, &Sampling::default(), &Limits { max_tokens: 3, ..Limits::default() }, &mut continued);
        }
    }
}
