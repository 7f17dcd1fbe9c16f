//! What passes between parent and child: postcard messages, each after its length (u32, little endian).

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::render::Picture;
use crate::document::{DocumentError, Facts, Page, ReadOptions};

/// Raised whenever a message changes. Parent and child are one program, so a difference means a wrong SCRUTINEER_WORKER.
pub(super) const VERSION: u32 = 2;

/// The largest message accepted. A page of 400,000 glyphs stays below.
const LARGEST_MESSAGE: u32 = 256 << 20;

/// What the parent asks. The file follows as it is, to the end of the stream.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) version: u32,
    pub(super) options: ReadOptions,
    pub(super) task: Task,
}

/// What the child is to do with the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Task {
    /// Read all pages.
    Read,
    /// Render these pages, from 1.
    Render(Vec<u32>),
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Frame {
    /// The file is open.
    Opened {
        version: u32,
        pages: u32,
    },
    Page(Box<Page>),
    /// A page as asked for by [`Task::Render`].
    Picture(Box<Picture>),
    /// A page that broke the renderer; why, for people.
    NoPicture {
        page: u32,
        detail: String,
    },
    /// All pages were read and sent.
    Done(Box<Facts>),
    /// All pages that could be rendered were sent.
    AllRendered,
    Failed(DocumentError),
}

/// Writes one message.
pub(super) fn write<T: Serialize>(out: &mut impl Write, message: &T) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)?;
    out.flush()
}

/// Reads one message; none at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > LARGEST_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_and_rubbish_is_an_error() {
        let mut bytes = Vec::new();
        write(&mut bytes, &Frame::Opened { version: VERSION, pages: 7 }).unwrap();
        write(&mut bytes, &Frame::Failed(DocumentError::PasswordProtected)).unwrap();
        let mut input = bytes.as_slice();
        assert!(matches!(read::<Frame>(&mut input).unwrap(), Some(Frame::Opened { pages: 7, .. })));
        assert!(matches!(read::<Frame>(&mut input).unwrap(), Some(Frame::Failed(DocumentError::PasswordProtected))));
        assert!(read::<Frame>(&mut input).unwrap().is_none());
        assert!(read::<Frame>(&mut &b"\xff\xff\xff\xff"[..]).is_err());
        assert!(read::<Frame>(&mut &b"\x03\0\0\0\xff\xff\xff"[..]).is_err());
    }
}
