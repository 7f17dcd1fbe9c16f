//! One writer per data folder, by an advisory lock that ends with its process and a file that names the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;

use super::{LedgerError, Result, file, now};

/// The writer's lock; released when dropped, or by the system when the process dies.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    pub(super) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("writer.lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = open.map_err(|source| file("open", &path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let holder = if holder.trim().is_empty() { "another process".to_owned() } else { holder.trim().to_owned() };
                return Err(LedgerError::Locked { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(file("lock", &path, source)),
        }
        let name = std::env::args().take(2).collect::<Vec<_>>().join(" ");
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let holder = format!("`{name}` (process {} on {}, since {})\n", std::process::id(), host.trim(), now());
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(holder.as_bytes()))
            .map_err(|source| file("write", &path, source))?;
        Ok(Self { _file: lock })
    }
}
