//! Headers as they should be, and as an attacker would write them.

use proptest::prelude::*;

use super::*;

/// Writes GGUF files.
#[derive(Default)]
pub(in crate::model::generator) struct Writer {
    metadata: Vec<u8>,
    entries: u64,
    tensors: Vec<u8>,
    count: u64,
    data: Vec<u8>,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl Writer {
    fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.metadata.extend([text(key), kind.to_le_bytes().to_vec(), value.to_vec()].concat());
        self.entries += 1;
        self
    }

    pub(in crate::model::generator) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, 8, &text(value))
    }

    pub(in crate::model::generator) fn whole(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    pub(in crate::model::generator) fn truth(self, key: &str, value: bool) -> Self {
        self.entry(key, 7, &[u8::from(value)])
    }

    fn list(self, key: &str, kind: u32, values: Vec<Vec<u8>>) -> Self {
        let head = [kind.to_le_bytes().to_vec(), (values.len() as u64).to_le_bytes().to_vec()].concat();
        self.entry(key, 9, &[head, values.concat()].concat())
    }

    pub(in crate::model::generator) fn texts(self, key: &str, values: &[String]) -> Self {
        self.list(key, 8, values.iter().map(|value| text(value)).collect())
    }

    pub(in crate::model::generator) fn reals(self, key: &str, values: &[f32]) -> Self {
        self.list(key, 6, values.iter().map(|value| value.to_le_bytes().to_vec()).collect())
    }

    pub(in crate::model::generator) fn wholes(self, key: &str, values: &[i32]) -> Self {
        self.list(key, 5, values.iter().map(|value| value.to_le_bytes().to_vec()).collect())
    }

    fn tensor(mut self, name: &str, shape: &[u64], block: u32, offset: u64) -> Self {
        let shape_bytes: Vec<u8> = shape.iter().flat_map(|dimension| dimension.to_le_bytes()).collect();
        let dimensions = (shape.len() as u32).to_le_bytes().to_vec();
        let parts = [text(name), dimensions, shape_bytes, block.to_le_bytes().to_vec(), offset.to_le_bytes().to_vec()];
        self.tensors.extend(parts.concat());
        self.count += 1;
        self
    }

    fn data(mut self, bytes: usize) -> Self {
        self.data = vec![0; bytes];
        self
    }

    pub(in crate::model::generator) fn bytes(&self) -> Vec<u8> {
        let counts = [self.count, self.entries].map(u64::to_le_bytes).concat();
        let mut bytes =
            [b"GGUF".to_vec(), 3_u32.to_le_bytes().to_vec(), counts, self.metadata.clone(), self.tensors.clone()].concat();
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend_from_slice(&self.data);
        bytes
    }
}

fn sound() -> Writer {
    Writer::default()
        .text("general.architecture", "llama")
        .whole("llama.block_count", 2)
        .truth("flag", true)
        .reals("reals", &[0.5, -1.0])
        .wholes("wholes", &[1, -2, 3])
        .texts("texts", &["a".to_owned(), "文".to_owned()])
        .tensor("a", &[64, 3], 8, 0)
        .tensor("b", &[4], 0, 224)
        .data(240)
}

#[test]
fn a_sound_file_is_read() {
    let header = Header::read(&sound().bytes()).unwrap();
    assert_eq!(header.text("general.architecture"), Some("llama"));
    assert_eq!(header.whole("llama.block_count"), Some(2));
    assert_eq!(header.truth("flag"), Some(true));
    assert_eq!(header.get("reals"), Some(&Value::Reals(vec![0.5, -1.0])));
    assert_eq!(header.get("wholes"), Some(&Value::Wholes(vec![1, -2, 3])));
    assert_eq!(header.get("texts"), Some(&Value::Texts(vec!["a".to_owned(), "文".to_owned()])));
    let a = header.tensor("a").unwrap();
    assert_eq!((a.block, a.inputs, a.outputs, a.length), (BlockType::Q8_0, 64, 3, 204));
    let b = header.tensor("b").unwrap();
    assert_eq!((b.start - a.start, b.length, b.outputs), (224, 16, 1));
}

#[test]
fn what_is_false_is_named() {
    let big = u64::MAX / 2;
    for (bytes, words) in [
        (b"GGUX".to_vec(), "no GGUF file"),
        (Vec::new(), "cut off"),
        (sound().bytes()[..40].to_vec(), "cut off"),
        (sound().tensor("c", &[64], 8, 0).tensor("c", &[64], 8, 0).bytes(), "stated twice"),
        (sound().whole("flag", 1).bytes(), "stated twice"),
        (sound().tensor("c", &[big, 4], 0, 0).bytes(), "more numbers than a file can hold"),
        (sound().tensor("c", &[32, big, 3], 8, 0).bytes(), "more numbers than a file can hold"),
        (sound().tensor("c", &[32, 1 << 40], 8, 0).bytes(), "cut off or false"),
        (sound().tensor("c", &[32], 8, u64::MAX - 31).bytes(), "more numbers than a file can hold"),
        (sound().tensor("c", &[33], 8, 0).bytes(), "cannot be parted in blocks"),
        (sound().tensor("c", &[0], 0, 0).bytes(), "cannot be parted in blocks"),
        (sound().tensor("c", &[32], 8, 8).bytes(), "no multiple of 32"),
        (sound().tensor("c", &[32], 99, 0).bytes(), "type 99"),
        (sound().tensor("c", &[1; 5], 0, 0).bytes(), "5 dimensions"),
        (sound().whole("general.alignment", 24).bytes(), "alignment of 24"),
        (sound().entry("x", 9, &[6_u32.to_le_bytes().to_vec(), u64::MAX.to_le_bytes().to_vec()].concat()).bytes(), "a list of"),
        (sound().entry("x", 9, &[9_u32.to_le_bytes().to_vec(), 1_u64.to_le_bytes().to_vec()].concat()).bytes(), "type 9"),
        (sound().entry("x", 8, &u64::MAX.to_le_bytes()).bytes(), "cut off"),
        (sound().entry("x", 77, &[]).bytes(), "type 77"),
    ] {
        let fault = Header::read(&bytes).unwrap_err();
        assert!(fault.contains(words), "{fault:?} lacks {words:?}");
    }
}

#[test]
fn a_false_file_is_named_in_the_error() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("false.gguf");
    std::fs::write(&path, b"GGUF\x09\0\0\0").unwrap();
    let error = Gguf::open(&path).unwrap_err().to_string();
    assert!(error.contains("false.gguf") && error.contains("version 9"), "{error}");
    let error = Gguf::open(&folder.path().join("absent.gguf")).unwrap_err().to_string();
    assert!(error.contains("absent.gguf") && error.contains("cannot be read"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever is done to a header, reading it ends, with every tensor inside the file.
    #[test]
    fn a_mutated_header_is_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        count in proptest::option::of((8_usize..24, any::<u64>())),
    ) {
        let mut bytes = sound().bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((at, count)) = count {
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(header) = Header::read(&bytes) {
            for name in header.tensor_names() {
                let tensor = header.tensor(name).unwrap();
                prop_assert!(tensor.start.checked_add(tensor.length).is_some_and(|end| end <= bytes.len()));
                prop_assert!(tensor.length > 0);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Header::read(&[b"GGUF\x03\0\0\0".as_slice(), &bytes].concat());
    }
}
