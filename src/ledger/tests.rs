//! The data folder as its users meet it: opened, locked, filled, damaged, verified.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::audit::canonical;
use super::*;
use crate::digest::Digest;

pub(super) fn data() -> (TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path(), Access::Writer).unwrap();
    (folder, ledger)
}

fn key(input: &str) -> ArtefactKey {
    ArtefactKey::new("passages", 1, &[Digest::of(input.as_bytes())], "{}", &[], "portable")
}

pub(super) fn start(ledger: &mut Ledger) -> RunRecord {
    let start = RunStart {
        pipeline: "disclosures@41ab".to_owned(),
        pipeline_digest: Digest::of(b"pipeline"),
        cases: "{}".to_owned(),
        models: BTreeMap::from([("e5".to_owned(), Digest::of(b"model"))]),
        quantisation: Default::default(),
        kernel_profile: "portable".to_owned(),
    };
    ledger.start_run(&start).unwrap()
}

pub(super) fn record_with(ledger: &Ledger, name: &str) -> DocumentRecord {
    let content = key(name);
    ledger.keep_artefact(&content, &vec![name.to_owned()]).unwrap();
    let keys = content.digest();
    DocumentRecord {
        digest: Digest::of(name.as_bytes()),
        stem: name.to_owned(),
        title: None,
        institution: None,
        institution_id: None,
        lei: None,
        document_type: None,
        period: None,
        filing: None,
        filed_at: None,
        supersedes: None,
        language: "en".to_owned(),
        pages: PageTally::default(),
        scans: 0,
        warnings: Vec::new(),
        labels_sought: Vec::new(),
        labels_weak: Vec::new(),
        keys: StageKeys { document: keys, passages: keys, scores: keys, findings: keys, summary: keys },
        in_review: 0,
        sentences: BTreeMap::new(),
    }
}

/// A data folder with one judged document, a run and its checkpoint.
fn judged() -> (TempDir, Ledger, RunRecord) {
    let (folder, mut ledger) = data();
    let run = start(&mut ledger);
    let record = record_with(&ledger, "bank");
    ledger.record_document(&run, &record, &Digest::of(b"state"), &[], Vec::new(), &[]).unwrap();
    ledger.end_run(&run, 0, |_| Ok("{}".to_owned())).unwrap();
    let path = ledger.run_folder(&run).join("checkpoint.json");
    ledger.checkpoint(&path).unwrap();
    (folder, ledger, run)
}

#[test]
fn a_second_writer_is_told_who_holds_the_folder_and_readers_are_free() {
    let (folder, writer) = data();
    match Ledger::open(folder.path(), Access::Writer) {
        Err(LedgerError::Locked { holder, .. }) => {
            assert_eq!(holder.process, std::process::id());
            assert!(holder.since.ends_with('Z') && !holder.host.is_empty(), "{holder}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two writers"),
    }
    assert!(Ledger::open(folder.path(), Access::Reader).is_ok());
    drop(writer);
    let again = Ledger::open(folder.path(), Access::Writer).unwrap();
    assert!(again.audit_entries(None, 10).unwrap().is_empty(), "a holder that ended well leaves no trace");
}

#[test]
fn the_lock_of_a_dead_writer_is_taken_over_and_its_left_overs_go() {
    let (folder, ledger) = data();
    ledger.keep_artefact(&key("a"), &1_u32).unwrap();
    drop(ledger);
    // What a kill -9 leaves: the holder's name, and a temporary file beside an artefact.
    let dead = r#"{"command":"scrutineer run","process":999999,"host":"here","since":"2026-01-01T00:00:00Z"}"#;
    std::fs::write(folder.path().join("writer.lock"), dead).unwrap();
    let left_over = folder.path().join("artefacts/aa/.writing-x1y2z3");
    std::fs::create_dir_all(left_over.parent().unwrap()).unwrap();
    std::fs::write(&left_over, "half").unwrap();
    let ledger = Ledger::open(folder.path(), Access::Writer).unwrap();
    assert!(!left_over.exists());
    let entry = ledger.audit_entries(None, 10).unwrap().pop().unwrap();
    assert_eq!((entry.kind.as_str(), &entry.payload["dead_writer"]["process"]), ("recovery", &json!(999_999)));
    assert_eq!(ledger.artefact::<u32>(&key("a")).unwrap(), Some(1));
}

#[test]
fn a_reader_needs_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let error = Ledger::open(&folder.path().join("absent"), Access::Reader).err().unwrap();
    assert!(matches!(error, LedgerError::NoDataFolder(_)) && error.is_usage(), "{error}");
}

#[test]
fn network_mounts_are_known_by_their_type() {
    let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                  30 22 0:40 / /srv/share rw,nosuid shared:1 - fuse.sshfs host:/x rw\n\
                  31 30 0:41 / /srv/share/local rw - ext4 /dev/sdb1 rw\n";
    assert_eq!(network_fuse_type(mounts, Path::new("/srv/share/data")), Some("fuse.sshfs"));
    assert_eq!(network_fuse_type(mounts, Path::new("/srv/share/local/data")), None);
    assert_eq!(network_fuse_type(mounts, Path::new("/srv/shared")), None);
}

#[test]
fn artefacts_come_back_as_they_were_kept() {
    let (_folder, ledger) = data();
    assert_eq!(ledger.artefact::<Vec<String>>(&key("a")).unwrap(), None);
    let value = vec!["文字".to_owned(); 1000];
    let content = ledger.keep_artefact(&key("a"), &value).unwrap();
    assert_eq!(ledger.artefact::<Vec<String>>(&key("a")).unwrap(), Some(value.clone()));
    assert_eq!(ledger.artefact_at::<Vec<String>>(&key("a").digest()).unwrap(), Some(value.clone()));
    assert_eq!(ledger.keep_artefact(&key("b"), &value).unwrap(), content, "the same bytes lie there once");
    assert_eq!(ledger.artefact_content(&key("b").digest()).unwrap(), Some(content));
}

#[test]
fn keys_differ_in_everything_that_they_are_made_of() {
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let keys = [
        ArtefactKey::new("x", 1, &[a], "{}", &[b], "p"),
        ArtefactKey::new("y", 1, &[a], "{}", &[b], "p"),
        ArtefactKey::new("x", 2, &[a], "{}", &[b], "p"),
        ArtefactKey::new("x", 1, &[b], "{}", &[b], "p"),
        ArtefactKey::new("x", 1, &[a, b], "{}", &[], "p"),
        ArtefactKey::new("x", 1, &[a], "{ }", &[b], "p"),
        ArtefactKey::new("x", 1, &[a], "{}", &[b], "q"),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().map(ArtefactKey::digest).collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn a_lost_or_changed_artefact_is_made_again_and_the_chain_says_so() {
    let (_folder, ledger) = data();
    let content = ledger.keep_artefact(&key("a"), &7_u32).unwrap();
    let path = ledger.artefact_path(&content);
    for damage in ["changed on disk", "gone from disk"] {
        std::fs::remove_file(&path).unwrap();
        if damage == "changed on disk" {
            std::fs::write(&path, "other bytes").unwrap();
        }
        assert_eq!(ledger.artefact::<u32>(&key("a")).unwrap(), None);
        assert_eq!(ledger.keep_artefact(&key("a"), &7_u32).unwrap(), content);
        assert_eq!(ledger.artefact::<u32>(&key("a")).unwrap(), Some(7));
        let entry = ledger.audit_entries(Some("recovery"), 1).unwrap().pop().unwrap();
        assert_eq!((&entry.payload["stage"], &entry.payload["found"]), (&json!("passages"), &json!(damage)));
    }
    ledger.keep_artefact(&key("a"), &7_u32).unwrap();
    assert_eq!(ledger.audit_entries(None, 10).unwrap().len(), 2, "keeping what is there says nothing");
}

#[test]
fn a_put_that_was_killed_before_its_rename_leaves_nothing_behind() {
    let (_folder, ledger) = data();
    let content = ledger.keep_artefact(&key("a"), &7_u32).unwrap();
    let path = ledger.artefact_path(&content);
    // As if the process died before the rename: a temporary file, no artefact, no row.
    let mut temporary = std::fs::File::create(path.with_file_name(".writing-abc")).unwrap();
    temporary.write_all(&std::fs::read(&path).unwrap()[..5]).unwrap();
    assert_eq!(ledger.artefact::<u32>(&key("b")).unwrap(), None);
    assert_eq!(ledger.keep_artefact(&key("b"), &7_u32).unwrap(), content);
    assert_eq!(ledger.artefact::<u32>(&key("b")).unwrap(), Some(7));
    assert_eq!(artefacts::remove_left_overs(ledger.folder()).unwrap(), 1);
}

#[test]
fn an_artefact_that_cannot_be_written_leaves_no_row() {
    let (folder, ledger) = data();
    // A file where the folder should be, as a full disk would fail: the write fails before the row.
    std::fs::write(folder.path().join("artefacts"), "in the way").unwrap();
    assert!(ledger.keep_artefact(&key("a"), &7_u32).is_err());
    std::fs::remove_file(folder.path().join("artefacts")).unwrap();
    assert_eq!(ledger.artefact_content(&key("a").digest()).unwrap(), None);
    let full = file("write", Path::new("x"), std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(matches!(full, LedgerError::DiskFull { .. }));
}

#[test]
fn a_full_disk_under_the_database_is_named_and_leaves_the_chain_whole() {
    let (_folder, mut ledger, _) = judged();
    let pages: i64 = ledger.database.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    ledger.database.pragma_update(None, "max_page_count", pages).unwrap();
    let large = json!({ "text": "x".repeat(100_000) });
    let error = ledger.audit(AuditKind::Operator, &large).unwrap_err();
    assert!(matches!(error, LedgerError::DiskFull { .. }) && !error.is_usage(), "{error:?}");
    ledger.database.pragma_update(None, "max_page_count", pages * 100).unwrap();
    assert_eq!(ledger.verify_audit(None).unwrap().entries, 4);
    ledger.audit(AuditKind::Operator, &large).unwrap();
    assert_eq!(ledger.verify_audit(None).unwrap().faults, []);
}

#[test]
fn files_and_folders_of_the_key_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, ..) = judged();
    let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/checkpoint.ed25519")), (0o700, 0o600));
}

#[test]
fn runs_are_numbered_and_keep_what_became_of_their_inputs() {
    let (_folder, mut ledger) = data();
    let first = start(&mut ledger);
    let input = InputRecord { path: "a.pdf".to_owned(), state: "done".to_owned(), ..InputRecord::default() };
    ledger.record_input(&first, &input).unwrap();
    ledger.end_run(&first, 3, |_| Ok("{}".to_owned())).unwrap();
    let second = start(&mut ledger);
    assert_eq!([first.name(), second.name()], ["R-0001", "R-0002"]);
    let runs = ledger.runs(10).unwrap();
    assert_eq!((runs[0].exit, runs[1].exit, runs.len()), (None, Some(3), 2));
    assert_eq!(ledger.run_inputs(1).unwrap()[0].path, "a.pdf");
    let (run, spec) = ledger.latest_cases().unwrap().unwrap();
    assert_eq!((run.number, spec.max_cases_per_document), (2, 10));
}

#[test]
fn quarantine_counts_tries_until_the_file_is_read() {
    let (_folder, mut ledger) = data();
    let digest = Digest::of(b"bytes");
    for _ in 0..2 {
        ledger.quarantine("a.pdf", Some(digest), "password-protected", "it is protected", "give a password", true).unwrap();
    }
    assert_eq!(ledger.quarantined().unwrap()[0].attempts, 2);
    assert!(ledger.lasting_quarantine("a.pdf", &digest).unwrap().is_some());
    assert!(ledger.lasting_quarantine("a.pdf", &Digest::of(b"other")).unwrap().is_none());
    ledger.release("a.pdf").unwrap();
    ledger.release("a.pdf").unwrap();
    assert!(ledger.quarantined().unwrap().is_empty());
    assert_eq!(ledger.audit_entries(Some("quarantine"), 10).unwrap().len(), 3);
}

#[test]
fn a_whole_chain_holds_also_for_a_reader_beside_the_writer() {
    let (folder, ledger, run) = judged();
    let reader = Ledger::open(folder.path(), Access::Reader).unwrap();
    let report = reader.verify_audit(Some(&ledger.run_folder(&run).join("checkpoint.json"))).unwrap();
    assert_eq!(report.faults, []);
    // Run started, decision, run ended, the key: four entries; one artefact; the run's checkpoint and the same from outside.
    assert_eq!((report.entries, report.artefacts, report.checkpoints), (4, 1, 2));
}

#[test]
fn changed_and_lost_artefacts_are_found() {
    let (_folder, ledger, _) = judged();
    let content = ledger.artefact_content(&key("bank").digest()).unwrap().unwrap();
    let path = ledger.artefact_path(&content);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let faults = ledger.verify_audit(None).unwrap().faults;
    assert!(matches!(&faults[..], [AuditFault::ChangedArtefact { sequence: 2, .. }]), "{faults:?}");
    std::fs::remove_file(&path).unwrap();
    let faults = ledger.verify_audit(None).unwrap().faults;
    assert!(matches!(&faults[..], [AuditFault::MissingArtefact { sequence: 2, .. }]), "{faults:?}");
}

#[test]
fn a_truncated_chain_is_whole_in_itself_but_not_against_a_checkpoint() {
    let (folder, ledger, run) = judged();
    let outside = folder.path().join("outside.json");
    std::fs::rename(ledger.run_folder(&run).join("checkpoint.json"), &outside).unwrap();
    ledger.database.execute("DELETE FROM audit WHERE sequence >= 3", []).unwrap();
    assert_eq!(ledger.verify_audit(None).unwrap().faults, []);
    let faults = ledger.verify_audit(Some(&outside)).unwrap().faults;
    assert!(matches!(&faults[..], [AuditFault::CheckpointMismatch { sequence: 4, .. }]), "{faults:?}");
}

#[test]
fn a_chain_computed_anew_under_a_new_key_is_found_by_the_old_checkpoint() {
    let (folder, mut ledger, run) = judged();
    let path = ledger.run_folder(&run).join("checkpoint.json");
    let outside = folder.path().join("outside.json");
    std::fs::rename(&path, &outside).unwrap();
    ledger.database.execute("DELETE FROM audit", []).unwrap();
    std::fs::remove_dir_all(folder.path().join("keys")).unwrap();
    for kind in [AuditKind::RunStarted, AuditKind::RunEnded, AuditKind::Operator] {
        ledger.audit(kind, &json!({ "made": "up" })).unwrap();
    }
    ledger.checkpoint(&path).unwrap();
    assert_eq!(ledger.verify_audit(None).unwrap().faults, []);
    let faults = ledger.verify_audit(Some(&outside)).unwrap().faults;
    assert!(faults.iter().any(|fault| matches!(fault, AuditFault::BadCheckpoint { .. })), "{faults:?}");
    assert!(faults.iter().any(|fault| matches!(fault, AuditFault::CheckpointMismatch { .. })), "{faults:?}");
}

#[test]
fn a_changed_checkpoint_is_found() {
    let (_folder, ledger, run) = judged();
    let path = ledger.run_folder(&run).join("checkpoint.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [("\"sequence\": 4", "\"sequence\": 3"), ("scrutineer-checkpoint/1", "scrutineer-checkpoint/2"), ("{", "")]
    {
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let faults = ledger.verify_audit(None).unwrap().faults;
        assert!(matches!(&faults[0], AuditFault::BadCheckpoint { .. }), "{faults:?}");
    }
    assert!(ledger.verify_audit(Some(Path::new("/no/such/checkpoint"))).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys(value in json_values()) {
        let text = canonical(&value);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
        prop_assert_eq!(canonical(&reversed(&value)), text);
    }

    #[test]
    fn any_changed_character_of_any_entry_is_found(entry in 1_i64..=6, column in 0_usize..3, at in 0_usize..400) {
        let (_folder, mut ledger) = data();
        for number in 0..6 {
            ledger.audit(AuditKind::Operator, &json!({ "number": number, "what": "某件事", "list": [1, 2.5, null] })).unwrap();
        }
        let column = ["time", "kind", "payload"][column];
        let text: String =
            ledger.database.query_row(&format!("SELECT {column} FROM audit WHERE sequence = ?1"), [entry], |row| row.get(0)).unwrap();
        let at = at % text.chars().count();
        let changed: String = text.chars().enumerate().map(|(index, c)| match (index == at, c) {
            (true, ' ') => 'x',
            (true, _) => ' ',
            _ => c,
        }).collect();
        ledger.database.execute(&format!("UPDATE audit SET {column} = ?2 WHERE sequence = ?1"), rusqlite::params![entry, changed]).unwrap();
        let faults = ledger.verify_audit(None).unwrap().faults;
        prop_assert_eq!(&faults[..], &[AuditFault::BrokenEntry { sequence: entry.unsigned_abs() }]);
    }

    #[test]
    fn reordered_and_removed_entries_are_found(first in 1_i64..=6, second in 1_i64..=6) {
        let (_folder, mut ledger) = data();
        for number in 0..7 {
            ledger.audit(AuditKind::Operator, &json!({ "number": number })).unwrap();
        }
        if first == second {
            ledger.database.execute("DELETE FROM audit WHERE sequence = ?1", [first]).unwrap();
        } else {
            for (from, to) in [(first, 100), (second, first), (100, second)] {
                ledger.database.execute("UPDATE audit SET sequence = ?2 WHERE sequence = ?1", [from, to]).unwrap();
            }
        }
        prop_assert!(!ledger.verify_audit(None).unwrap().faults.is_empty());
    }
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[\\PC\"\\\\]{0,5}", inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(reversed).collect()),
        other => other.clone(),
    }
}
