//! The file of a trained head: a linear multi-label classifier over the encoder's mean-pooled states.
//!
//! safetensors, f32: `weight` \[labels, width\], `bias` \[labels\], `threshold` \[labels\], `mean` \[width\], and for labels that the
//! head does not know `phrase_center` \[width\], `gate` \[width\] and `zero_shot` \[5\] (slope, gate slope, gate bias, offset,
//! threshold). Calibration (Platt) is folded into weight and bias, so that `sigmoid(weight · (pooled - mean) + bias)` is a
//! probability. The metadata name what the head belongs to: the digest of the encoder, the digest of what its labels mean, and
//! per label how many real passages it was trained on and how well it did on documents it had not seen.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::taxonomy::Taxonomy;
use crate::digest::Digest;

/// The format that a head's metadata name.
pub const FORMAT: &str = "scrutineer-head/1";

/// The shipped head's name in the registry.
pub const DEFAULT: &str = "risk-labels";

/// A head as its file has it.
#[derive(Clone, Debug)]
pub struct Head {
    pub(super) labels: Vec<HeadLabel>,
    /// Row-major, one row per label.
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) threshold: Vec<f32>,
    /// The mean of pooled states over the training passages: contributions are measured from there.
    pub(super) mean: Vec<f32>,
    pub(super) zero_shot: ZeroShotParameters,
    /// The encoder that it was trained on.
    encoder: Digest,
    /// What its labels meant in training: [`Taxonomy::meaning_digest`].
    meaning: Digest,
    digest: Digest,
}

/// What is known about a label of a head.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadLabel {
    /// The id in the taxonomy.
    pub id: String,
    /// The real passages with this label in training.
    pub examples: u32,
    /// The passages with this label that were written for training.
    pub written_examples: u32,
    /// F1 on documents that the head had not seen (cross-validation by document); none where there were no real passages.
    pub f1: Option<f32>,
    /// Too few examples, or too low an F1, to act upon without reading the passage.
    pub weak: bool,
}

/// How a label's phrases make a classifier.
#[derive(Clone, Debug)]
pub(super) struct ZeroShotParameters {
    /// The mean over all labels of the mean of their phrases.
    pub(super) phrase_center: Vec<f32>,
    /// The direction of "any risk at all".
    pub(super) gate: Vec<f32>,
    pub(super) gate_bias: f32,
    pub(super) slope: f32,
    pub(super) gate_slope: f32,
    pub(super) offset: f32,
    pub(super) threshold: f32,
}

/// Why a head cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The file is not a head.
    #[error("{} is no usable head: {message}; restore the file, or train it again with training/train_heads.py", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The head was trained on another encoder.
    #[error(
        "the head {} belongs to the encoder {head}, the encoder in use is {encoder}; use the encoder that the head was trained on, or \
         train the head again with training/train_heads.py", file.display(), head = head.short(), encoder = encoder.short()
    )]
    EncoderMismatch {
        /// The file.
        file: PathBuf,
        /// The encoder that the head names.
        head: Digest,
        /// The encoder in use.
        encoder: Digest,
    },
    /// A label means something else in the taxonomy than in training.
    #[error(
        "the head {} was trained for other meanings of its labels than the taxonomy in use gives; take back the change to groups, \
         exclusive sets or definitions (phrases and names may change), give the changed label a new id, or train the head again with \
         training/train_heads.py", file.display()
    )]
    TaxonomyMismatch {
        /// The file.
        file: PathBuf,
    },
    /// A label of the head is not in the taxonomy.
    #[error("the head {} knows the label `{label}`, the taxonomy does not; label ids never vanish: put it back", file.display())]
    UnknownLabel {
        /// The file.
        file: PathBuf,
        /// The label.
        label: String,
    },
}

impl Head {
    /// Reads a head from the bytes of its file; `file` is named in errors.
    ///
    /// # Errors
    /// [`HeadError::Malformed`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, HeadError> {
        read(bytes).map_err(|message| HeadError::Malformed { file: file.to_owned(), message })
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is known about its labels, in the order of its rows.
    pub fn labels(&self) -> &[HeadLabel] {
        &self.labels
    }

    /// Numbers per pooled state.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Checks that the head belongs to this encoder and to this taxonomy.
    ///
    /// # Errors
    /// [`HeadError::EncoderMismatch`], [`HeadError::UnknownLabel`] and [`HeadError::TaxonomyMismatch`].
    pub fn check(&self, file: &Path, taxonomy: &Taxonomy, encoder: Digest) -> Result<(), HeadError> {
        let file = || file.to_owned();
        if self.encoder != encoder {
            return Err(HeadError::EncoderMismatch { file: file(), head: self.encoder, encoder });
        }
        if let Some(label) = self.labels.iter().find(|label| taxonomy.label(&label.id).is_none()) {
            return Err(HeadError::UnknownLabel { file: file(), label: label.id.clone() });
        }
        if self.meaning != taxonomy.meaning_digest(self.labels.iter().map(|label| label.id.as_str())) {
            return Err(HeadError::TaxonomyMismatch { file: file() });
        }
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Result<Head, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let metadata = header.metadata().as_ref().ok_or("it has no metadata")?;
    let field = |key: &str| metadata.get(key).ok_or_else(|| format!("its metadata lack `{key}`"));
    let format = field("format")?;
    if format != FORMAT {
        return Err(format!("its format is {format:?}, this program reads {FORMAT:?}"));
    }
    let digest_in = |key: &str| field(key)?.parse::<Digest>().map_err(|error| format!("`{key}`: {error}"));
    let labels: Vec<HeadLabel> = serde_json::from_str(field("labels")?).map_err(|error| format!("`labels`: {error}"))?;
    if labels.is_empty() {
        return Err("it has no labels".to_owned());
    }
    let numbers = |name: &str, shape: &[usize]| numbers(&tensors, name, shape);
    let width = tensors.tensor("mean").map_err(|error| error.to_string())?.shape().first().copied().unwrap_or(0);
    if width == 0 {
        return Err("`mean` is empty".to_owned());
    }
    let zero_shot = numbers("zero_shot", &[5])?;
    let [slope, gate_slope, gate_bias, offset, zero_threshold] = zero_shot[..] else {
        return Err("`zero_shot` needs five numbers".to_owned());
    };
    let threshold = numbers("threshold", &[labels.len()])?;
    if let Some(wrong) = threshold.iter().chain([&zero_threshold]).find(|threshold| !(**threshold > 0.0 && **threshold <= 1.0)) {
        return Err(format!("a threshold is {wrong}: above 0, at most 1"));
    }
    Ok(Head {
        weight: numbers("weight", &[labels.len(), width])?,
        bias: numbers("bias", &[labels.len()])?,
        threshold,
        mean: numbers("mean", &[width])?,
        zero_shot: ZeroShotParameters {
            phrase_center: numbers("phrase_center", &[width])?,
            gate: numbers("gate", &[width])?,
            gate_bias,
            slope,
            gate_slope,
            offset,
            threshold: zero_threshold,
        },
        encoder: digest_in("encoder")?,
        meaning: digest_in("taxonomy")?,
        digest: Digest::of(bytes),
        labels,
    })
}

fn numbers(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(format!("`{name}` is {:?} {:?}, expected F32 {shape:?}", tensor.dtype(), tensor.shape()));
    }
    let values = tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let values: Vec<f32> = values.collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(format!("`{name}` holds a number that is not finite"));
    }
    Ok(values)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;
    use safetensors::tensor::TensorView;

    use super::*;

    /// What a head's file is made from: three labels over two numbers.
    pub(in crate::finding) struct HeadFile {
        pub(in crate::finding) labels: Vec<&'static str>,
        encoder: String,
        taxonomy: Option<String>,
        threshold: f32,
        format: &'static str,
    }

    impl Default for HeadFile {
        fn default() -> Self {
            let labels = vec!["up", "down", "other"];
            Self { labels, encoder: Digest::of(b"encoder").to_string(), taxonomy: None, threshold: 0.5, format: FORMAT }
        }
    }

    impl HeadFile {
        pub(in crate::finding) fn parse(&self) -> Result<Head, HeadError> {
            Head::parse(Path::new("head.safetensors"), &self.bytes())
        }

        fn bytes(&self) -> Vec<u8> {
            let rows = self.labels.len();
            let weight: Vec<f32> = [2.0, 0.0, 1.5, 0.0, 1.0, 1.0][..2 * rows].to_vec();
            let tensors: Vec<(&str, Vec<usize>, Vec<f32>)> = vec![
                ("weight", vec![rows, 2], weight),
                ("bias", vec![rows], vec![-1.0; rows]),
                ("threshold", vec![rows], vec![self.threshold; rows]),
                ("mean", vec![2], vec![1.0, 0.5]),
                ("phrase_center", vec![2], vec![0.0, 1.0]),
                ("gate", vec![2], vec![0.0, 0.0]),
                ("zero_shot", vec![5], vec![2.0, 0.5, 0.0, -1.0, 0.5]),
            ];
            let bytes: Vec<(&str, Vec<usize>, Vec<u8>)> = tensors
                .into_iter()
                .map(|(name, shape, values)| (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
                .collect();
            let views =
                bytes.iter().map(|(name, shape, bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
            let labels: Vec<serde_json::Value> = self
                .labels
                .iter()
                .map(|id| serde_json::json!({"id": id, "examples": 9, "written_examples": 2, "f1": 0.6, "weak": false}))
                .collect();
            let meaning = taxonomy().meaning_digest(self.labels.iter().copied()).to_string();
            let metadata = [
                ("format", self.format.to_owned()),
                ("encoder", self.encoder.clone()),
                ("taxonomy", self.taxonomy.clone().unwrap_or(meaning)),
                ("labels", serde_json::to_string(&labels).unwrap()),
            ];
            let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
            safetensors::serialize(views, Some(metadata)).unwrap()
        }
    }

    pub(in crate::finding) fn taxonomy() -> Taxonomy {
        let label = |id: &str, set: &str, phrases: &str| {
            format!(
                "[[label]]\nid = \"{id}\"\ngroup = \"g\"\n{set}name_en = \"{id}\"\nname_zh = \"{id}\"\ndefinition_en = \"it is {id}\"\n\
                 definition_zh = \"是 {id}\"\n{phrases}\n"
            )
        };
        let set = "exclusive_set = \"way\"\n";
        let text = [
            "schema = \"suptech-taxonomy/1\"\nversion = \"1\"\n[[group]]\nid = \"g\"\nname_en = \"G\"\nname_zh = \"G\"\n"
                .to_owned(),
            label("up", set, "phrases_en = [\"it rose\"]"),
            label("down", set, "phrases_en = [\"it fell\"]"),
            label("other", "", "phrases_en = [\"another thing\"]\nphrases_zh = [\"別的事\"]"),
        ]
        .concat();
        Taxonomy::parse(Path::new("t.toml"), &text).unwrap()
    }

    fn check(file: &HeadFile, taxonomy: &Taxonomy, encoder: &[u8]) -> Result<(), HeadError> {
        file.parse()?.check(Path::new("head.safetensors"), taxonomy, Digest::of(encoder))
    }

    #[test]
    fn a_head_belongs_to_its_encoder_and_its_labels() {
        let file = HeadFile::default();
        check(&file, &taxonomy(), b"encoder").unwrap();
        let other = check(&file, &taxonomy(), b"another").unwrap_err();
        assert!(matches!(other, HeadError::EncoderMismatch { .. }), "{other}");
        assert!(other.to_string().contains("train"), "{other}");
        let meant = HeadFile { taxonomy: Some(Digest::of(b"").to_string()), ..HeadFile::default() };
        assert!(matches!(check(&meant, &taxonomy(), b"encoder"), Err(HeadError::TaxonomyMismatch { .. })));
        let unknown = HeadFile { labels: vec!["up", "sideways"], ..HeadFile::default() };
        let error = check(&unknown, &taxonomy(), b"encoder").unwrap_err();
        assert!(matches!(&error, HeadError::UnknownLabel { label, .. } if label == "sideways"), "{error}");
    }

    #[test]
    fn the_shipped_head_belongs_to_the_shipped_encoder_and_taxonomy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let registry = crate::model::registry::Registry::open(&root.join("models")).unwrap();
        let taxonomy = Taxonomy::load(&root.join("pipelines/taxonomy.toml")).unwrap();
        let bytes = registry.load(DEFAULT).unwrap().take("risk-labels.safetensors").unwrap();
        let head = Head::parse(Path::new("risk-labels.safetensors"), &bytes).unwrap();
        let encoder = registry.card(crate::model::encoder::DEFAULT).unwrap().digest();
        head.check(Path::new("risk-labels.safetensors"), &taxonomy, encoder).unwrap();
        assert_eq!(head.labels().len(), 30);
        assert!(head.labels().iter().all(|label| label.weak || (label.examples >= 8 && label.f1.unwrap() >= 0.4)));
    }

    #[test]
    fn a_damaged_head_says_what_is_wrong() {
        let message = |file: HeadFile| file.parse().unwrap_err().to_string();
        assert!(message(HeadFile { threshold: 1.5, ..HeadFile::default() }).contains("threshold"));
        assert!(message(HeadFile { threshold: f32::NAN, ..HeadFile::default() }).contains("finite"));
        assert!(message(HeadFile { format: "other/1", ..HeadFile::default() }).contains("format"));
        assert!(message(HeadFile { encoder: "ab".to_owned(), ..HeadFile::default() }).contains("encoder"));
        assert!(message(HeadFile { labels: Vec::new(), ..HeadFile::default() }).contains("labels"));
    }

    proptest! {
        #[test]
        fn no_bytes_crash_the_reader(at in 0_usize..4000, with in any::<u8>(), cut in 0_usize..4000) {
            let mut bytes = HeadFile::default().bytes();
            let length = bytes.len();
            bytes[at % length] = with;
            bytes.truncate(length - cut % 40);
            let _ = Head::parse(Path::new("head.safetensors"), &bytes);
        }
    }
}
