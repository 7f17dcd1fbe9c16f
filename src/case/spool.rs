//! Events as NDJSON files in a folder, with a manifest of hashes: for a hand-over across an air gap.
//!
//! Each flush writes one file of the events handed over since the last, named by their digest, then the manifest that lists
//! every file of the folder with its SHA-256. A file is there whole or not at all; an event that the folder already holds is
//! not written again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::connector::{Attempt, Connector, Parcel};
use crate::digest::Digest;
use crate::durable;

/// A spool folder.
pub(super) struct Spool {
    folder: PathBuf,
    waiting: BTreeMap<String, String>,
    /// The ids in the folder; read at the first hand-over.
    held: Option<BTreeSet<String>>,
}

/// `manifest.json` of a spool folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    schema: String,
    files: BTreeMap<String, ManifestEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ManifestEntry {
    sha256: Digest,
    events: Vec<String>,
}

const SCHEMA: &str = "scrutineer-spool/1";

impl Spool {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, waiting: BTreeMap::new(), held: None }
    }

    fn held(&mut self) -> std::io::Result<&mut BTreeSet<String>> {
        if self.held.is_none() {
            let mut manifest = read_manifest(&self.folder)?;
            if adopt_unlisted(&self.folder, &mut manifest)? {
                write_manifest(&self.folder, manifest_in_form(&mut manifest))?;
            }
            let listed = manifest.files.values().flat_map(|entry| entry.events.iter().cloned());
            self.held = Some(listed.collect());
        }
        Ok(self.held.get_or_insert_default())
    }

    fn write(&mut self) -> std::io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let body: String = waiting.values().flat_map(|event| [event.as_str(), "\n"]).collect();
        let digest = Digest::of(body.as_bytes());
        let name = file_name(&digest);
        durable::write(&self.folder.join(&name), body.as_bytes())?;
        let mut manifest = read_manifest(&self.folder)?;
        manifest.files.insert(name, ManifestEntry { sha256: digest, events: waiting.keys().cloned().collect() });
        write_manifest(&self.folder, manifest_in_form(&mut manifest))?;
        self.held()?.extend(waiting.into_keys());
        Ok(())
    }
}

impl Connector for Spool {
    fn hand_over(&mut self, parcel: &Parcel) -> Attempt {
        match self.held() {
            Ok(held) if held.contains(&parcel.id) => {}
            Ok(_) => {
                self.waiting.insert(parcel.id.clone(), parcel.body.clone());
            }
            Err(error) => return Attempt::Retry { status: format!("{}: {error}", self.folder.display()), after_seconds: None },
        }
        Attempt::Delivered { remote_id: None }
    }

    fn flush(&mut self) -> Result<(), String> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.write().map_err(|error| format!("{}: {error}", self.folder.display()))
    }

    fn holds(&mut self) -> Result<Option<BTreeSet<String>>, String> {
        let held = self.held().map(|held| Some(held.clone()));
        held.map_err(|error| format!("{}: {error}", self.folder.display()))
    }
}

fn read_manifest(folder: &Path) -> std::io::Result<Manifest> {
    match std::fs::read(folder.join("manifest.json")) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Manifest::default()),
        Err(error) => Err(error),
    }
}

/// Lists files that are whole (their name is their digest) but not listed: the process died before it wrote the manifest.
fn adopt_unlisted(folder: &Path, manifest: &mut Manifest) -> std::io::Result<bool> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut adopted = false;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("events-") || !name.ends_with(".ndjson") || manifest.files.contains_key(&name) {
            continue;
        }
        let body = std::fs::read(entry.path())?;
        let digest = Digest::of(&body);
        if name == file_name(&digest) {
            manifest.files.insert(name, ManifestEntry { sha256: digest, events: ids(&body) });
            adopted = true;
        }
    }
    Ok(adopted)
}

fn ids(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok()).map(|event| event.id).collect()
}

fn file_name(digest: &Digest) -> String {
    format!("events-{}.ndjson", &digest.to_string()[..16])
}

fn manifest_in_form(manifest: &mut Manifest) -> &Manifest {
    SCHEMA.clone_into(&mut manifest.schema);
    manifest
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> std::io::Result<()> {
    durable::write(&folder.join("manifest.json"), format!("{}\n", serde_json::to_string_pretty(manifest)?).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parcel(id: &str) -> Parcel {
        Parcel { id: id.to_owned(), body: format!("{{\"id\":\"{id}\"}}") }
    }

    #[test]
    fn an_event_is_written_once_whatever_is_handed_over_again() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..3 {
            let mut spool = Spool::new(folder.path().join("spool"));
            for id in ["flg_a:1", "flg_b:1"] {
                assert_eq!(spool.hand_over(&parcel(id)), Attempt::Delivered { remote_id: None });
            }
            if round > 0 {
                spool.hand_over(&parcel("flg_a:2"));
            }
            spool.flush().unwrap();
        }
        let manifest = read_manifest(&folder.path().join("spool")).unwrap();
        let mut lines = 0;
        for (name, entry) in &manifest.files {
            let bytes = std::fs::read(folder.path().join("spool").join(name)).unwrap();
            assert_eq!(Digest::of(&bytes), entry.sha256);
            lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        }
        assert_eq!((manifest.files.len(), lines), (2, 3));
    }

    #[test]
    fn a_file_that_a_crash_left_unlisted_is_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path().to_owned());
        spool.hand_over(&parcel("flg_a:1"));
        spool.flush().unwrap();
        std::fs::remove_file(folder.path().join("manifest.json")).unwrap();
        std::fs::write(folder.path().join("events-0000.ndjson"), "{\"id\":\"half").unwrap();
        let mut spool = Spool::new(folder.path().to_owned());
        assert_eq!(spool.holds().unwrap().unwrap().into_iter().collect::<Vec<_>>(), ["flg_a:1"]);
        spool.hand_over(&parcel("flg_a:1"));
        spool.hand_over(&parcel("flg_b:1"));
        spool.flush().unwrap();
        let manifest = read_manifest(folder.path()).unwrap();
        assert_eq!((manifest.schema.as_str(), manifest.files.len()), (SCHEMA, 2));
        let events: Vec<&String> = manifest.files.values().flat_map(|entry| &entry.events).collect();
        assert_eq!(events.len(), 2, "{events:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spool"), "a file in the way").unwrap();
        let mut spool = Spool::new(folder.path().join("spool"));
        assert!(matches!(spool.hand_over(&parcel("flg_a:1")), Attempt::Retry { .. }) || spool.flush().is_err());
    }
}
