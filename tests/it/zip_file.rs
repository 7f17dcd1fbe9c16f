//! Archives byte by byte (PKWARE APPNOTE 6.3.10), so that a test can lie in every field.

/// A member of an archive.
pub struct Member {
    pub name: String,
    /// What it unpacks to.
    pub content: Vec<u8>,
    /// Whether it is deflated.
    pub packed: bool,
    /// The size that the archive states, where that is not the truth.
    pub stated: Option<u32>,
}

impl Member {
    pub fn new(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), content: content.into(), packed: true, stated: None }
    }
}

/// An archive of members.
pub fn archive(members: &[Member]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let data = match member.packed {
            true => miniz_oxide::deflate::compress_to_vec(&member.content, 6),
            false => member.content.clone(),
        };
        let offset = out.len() as u32;
        let size = member.stated.unwrap_or(member.content.len() as u32);
        let mut fields = Vec::new();
        for field in [20_u16, 0, if member.packed { 8 } else { 0 }, 0, 0] {
            fields.extend(field.to_le_bytes());
        }
        for field in [crc32(&member.content), data.len() as u32, size] {
            fields.extend(field.to_le_bytes());
        }
        fields.extend((member.name.len() as u16).to_le_bytes());
        fields.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(member.name.as_bytes());
        out.extend(&data);
        directory.extend(b"PK\x01\x02");
        directory.extend(20_u16.to_le_bytes());
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(member.name.as_bytes());
    }
    let (start, length, count) = (out.len() as u32, directory.len() as u32, members.len() as u16);
    out.extend(&directory);
    out.extend(b"PK\x05\x06");
    for field in [0, 0, count, count] {
        out.extend(field.to_le_bytes());
    }
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
