#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::*;
use scrutineer_kernels::Profile;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn encoder() -> Encoder {
    Encoder::load(&Registry::open(&shipped()).unwrap(), DEFAULT).unwrap()
}

const TEXTS: [&str; 6] = [
    "The bank's core systems run at a single cloud provider.",
    "本行核心系統委由單一雲端業者代管，尚無可行之退場計畫。",
    "Allowance for credit losses rose by 12 per cent to NT$1.3 billion in fiscal 2023.",
    "a",
    "",
    "備抵呆帳覆蓋率為 150%，較上年度減少 25 個基點（Basel III）。",
];

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

fn with(arithmetic: Arithmetic) -> Encoder {
    Encoder::load_with(&Registry::open(&shipped()).unwrap(), DEFAULT, arithmetic).unwrap()
}

#[test]
fn the_kernels_say_what_candle_says_in_f32() {
    let (fast, reference) = (encoder().encode(&TEXTS).unwrap(), with(Arithmetic::Reference).encode(&TEXTS).unwrap());
    for ((text, fast), reference) in TEXTS.iter().zip(fast).zip(reference) {
        assert_eq!(fast.tokens, reference.tokens);
        let pooled = cosine(&fast.pooled, &reference.pooled);
        assert!(pooled > 0.998, "{text}: cosine {pooled}");
        for (fast, reference) in fast.states.chunks_exact(384).zip(reference.states.chunks_exact(384)) {
            assert!(cosine(fast, reference) > 0.99, "{text}");
        }
    }
}

#[test]
fn every_form_of_the_kernels_gives_the_same_bits() {
    // The portable form is slow: a short text will do, since the kernels' own tests cover the sizes.
    let texts = ["Cloud outage risk.", "雲端中斷風險"];
    let expected = encoder().encode(&texts).unwrap();
    for profile in Profile::available() {
        assert_eq!(with(Arithmetic::Bytes(profile)).encode(&texts).unwrap(), expected, "{}", profile.name());
    }
}

#[test]
fn an_arithmetic_is_named_or_refused() {
    assert_eq!(Arithmetic::named("reference").unwrap(), Arithmetic::Reference);
    assert_eq!(Arithmetic::named("portable").unwrap(), Arithmetic::Bytes(Profile::portable()));
    assert_eq!(Arithmetic::named("").unwrap(), Arithmetic::fastest());
    assert_eq!(Arithmetic::named(Arithmetic::fastest().name()).unwrap(), Arithmetic::fastest());
    let refused = Arithmetic::named("quantum").unwrap_err().to_string();
    assert!(refused.contains("quantum") && refused.contains("portable"), "{refused}");
}

#[test]
fn neighbours_do_not_change_a_bit() {
    let encoder = encoder();
    let together = encoder.encode(&TEXTS).unwrap();
    for (text, expected) in TEXTS.iter().zip(&together) {
        assert_eq!(&encoder.encode(&[text]).unwrap().remove(0), expected);
    }
    // More texts than one pack holds, in another order.
    let many: Vec<&str> = TEXTS.iter().rev().copied().cycle().take(60).collect();
    for (text, encoded) in many.iter().zip(encoder.encode(&many).unwrap()) {
        let at = TEXTS.iter().position(|known| known == text).unwrap();
        assert_eq!(encoded, together[at]);
    }
}

#[test]
fn an_encoder_is_shared_by_threads() {
    let encoder = encoder();
    let expected = encoder.encode(&TEXTS).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(encoder.encode(&TEXTS).unwrap(), expected));
        }
    });
}

#[test]
fn tokens_know_their_bytes() {
    let encoder = encoder();
    let text = "本行 Cloud 風險。";
    let encoded = encoder.encode(&[text]).unwrap().remove(0);
    let said: String = encoded.tokens.iter().map(|span| span.of(text)).collect();
    assert_eq!(said.replace(' ', ""), text.replace(' ', ""));
    assert!(encoded.tokens.first().unwrap().is_empty() && encoded.tokens.last().unwrap().is_empty());
}

#[test]
fn a_text_too_long_is_cut_and_says_so() {
    let encoder = encoder();
    let long = "risk ".repeat(2000);
    let encoded = encoder.encode(&[&long]).unwrap().remove(0);
    assert!(encoded.truncated);
    assert_eq!(encoded.tokens.len(), 512);
    assert_eq!(encoded.tensor().unwrap().dims(), [512, encoder.width()]);
}

#[test]
fn what_means_the_same_lies_near_in_both_languages() {
    let encoder = encoder();
    let texts = ["銀行的雲端服務供應商集中風險", "the bank depends on one cloud provider", "the weather was fine at the seaside"];
    let vectors = encoder.embed(Role::Passage, &texts).unwrap();
    assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]));
}

/// A registry of copies, so that a test may damage them.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(DEFAULT)).unwrap();
    std::fs::copy(shipped().join("models.toml"), folder.path().join("models.toml")).unwrap();
    for entry in std::fs::read_dir(shipped().join(DEFAULT)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(DEFAULT).join(entry.file_name())).unwrap();
    }
    folder
}

fn failure(folder: &Path) -> String {
    let error = Registry::open(folder).and_then(|registry| Encoder::load(&registry, DEFAULT)).err().unwrap();
    error.to_string()
}

#[test]
fn a_tampered_or_missing_file_is_named_with_what_to_do() {
    let folder = copied();
    let layers = folder.path().join(DEFAULT).join("layers.safetensors");
    let mut bytes = std::fs::read(&layers).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&layers, &bytes).unwrap();
    let tampered = failure(folder.path());
    assert!(tampered.contains("layers.safetensors is not the file that the registry describes"), "{tampered}");
    std::fs::remove_file(&layers).unwrap();
    let missing = failure(folder.path());
    assert!(
        missing.contains("cannot read") && missing.contains("layers.safetensors") && missing.contains("restore"),
        "{missing}"
    );
}

#[test]
fn a_registry_that_is_no_registry_is_refused() {
    let folder = copied();
    let path = folder.path().join("models.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("licence", "license")).unwrap();
    assert!(failure(folder.path()).contains("line"), "{}", failure(folder.path()));
    std::fs::write(&path, text.replace("e5-small-enzh/config.json", "../config.json")).unwrap();
    assert!(failure(folder.path()).contains("leads outside"));
    std::fs::remove_file(&path).unwrap();
    assert!(failure(folder.path()).contains("--models DIR"));
}
