//! One writer per data folder, by an advisory lock that ends with its process and a file that names the holder.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{LedgerError, Result, file, now};

/// Who writes to a data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The command.
    pub command: String,
    /// The process id.
    pub process: u32,
    /// The name of the machine.
    pub host: String,
    /// Since when (RFC 3339, UTC).
    pub since: String,
}

impl Holder {
    fn this_process() -> Self {
        let program = std::env::args().next().unwrap_or_default();
        let program = Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let command = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            command: format!("{program} {command}").trim().to_owned(),
            process: std::process::id(),
            host: host.trim().to_owned(),
            since: now(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A holder that has just taken the lock may not have written its name yet.
        if self.process == 0 {
            return f.write_str("another process");
        }
        write!(f, "`{}` (process {} on {}, since {})", self.command, self.process, self.host, self.since)
    }
}

/// The writer's lock; released when dropped, or by the system when the process dies.
pub(super) struct WriterLock {
    file: File,
}

impl WriterLock {
    /// Takes the lock. A name that is still in the file is that of a holder which died without releasing it: it is returned.
    pub(super) fn take(folder: &Path) -> Result<(Self, Option<Holder>)> {
        let path = folder.join("writer.lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = open.map_err(|source| file("open", &path, source))?;
        let mut text = String::new();
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
                return Err(LedgerError::Locked { folder: folder.to_owned(), holder: holder.unwrap_or_default() });
            }
            Err(TryLockError::Error(source)) => return Err(file("lock", &path, source)),
        }
        let name = serde_json::json!(Holder::this_process()).to_string();
        lock.read_to_string(&mut text)
            .and_then(|_| lock.set_len(0))
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(name.as_bytes()))
            .map_err(|source| file("write", &path, source))?;
        Ok((Self { file: lock }, serde_json::from_str(&text).ok()))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // An empty file says that the holder ended well; a name that stays costs the next writer one line in the audit chain.
        let _ = self.file.set_len(0);
    }
}
