#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use proptest::prelude::*;

use super::*;

#[allow(unreachable_pub)]
#[path = "../../../../../tests/it/zip_file.rs"]
mod zip_file;

use zip_file::{Member, archive};

/// Copies the member `data/weights` of `bytes` bytes out of an archive.
fn taken(archive: &[u8], bytes: u64) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    fs::write(&path, archive).unwrap();
    let target = folder.path().join("out");
    let mut output = File::create(&target).unwrap();
    let mut told = 0;
    let mut wheel = Wheel::open(&path, "package==1").map_err(|error| error.to_string())?;
    wheel.copy("data/weights", bytes, &mut output, &mut |more| told += more).map_err(|error| error.to_string())?;
    assert_eq!(told, bytes);
    Ok(fs::read(target).unwrap())
}

fn weights() -> Vec<u8> {
    (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect()
}

#[test]
fn a_member_comes_out_as_it_went_in() {
    for packed in [true, false] {
        let members = [Member::new("a.py", *b"x"), Member { packed, ..Member::new("data/weights", weights()) }];
        assert_eq!(taken(&archive(&members), 400_000).unwrap(), weights());
    }
}

#[test]
fn what_an_archive_states_is_not_believed() {
    let fails = |members: &[Member], word: &str| {
        let error = taken(&archive(members), 400_000).unwrap_err();
        assert!(error.contains(word), "{word}: {error}");
    };
    let weights = || Member::new("data/weights", weights());
    fails(&[Member::new("data/other", *b"x")], "does not hold");
    fails(&[Member::new("data/weights", *b"x")], "1 bytes, expected 400000");
    fails(&[weights(), Member::new("../../etc/cron.d/x", *b"x")], "outside");
    fails(&[Member::new("/etc/passwd", *b"x"), weights()], "outside");
    fails(&[Member::new("..\\x", *b"x"), weights()], "outside");
    // Twenty megabytes of zeros that pass for what is expected, and too few bytes.
    let bomb = Member { stated: Some(400_000), ..Member::new("data/weights", vec![0; 20_000_000]) };
    fails(&[bomb], "more than");
    let plain = Member { stated: Some(400_000), packed: false, ..Member::new("data/weights", vec![0; 500_000]) };
    fails(&[plain], "");
    let short = Member { stated: Some(400_000), ..Member::new("data/weights", vec![0; 10]) };
    fails(&[short], "10 bytes, expected");
    assert!(taken(b"no archive", 1).unwrap_err().contains("no archive"));
}

proptest! {
    #[test]
    fn no_bytes_crash_the_reader(at in 0_usize..100_000, with in any::<u8>(), cut in 0_usize..300) {
        let mut bytes = archive(&[Member::new("a.py", *b"x"), Member::new("data/weights", vec![7; 3000])]);
        let length = bytes.len();
        bytes[at % length] = with;
        bytes.truncate(length - cut % length);
        // Whatever comes out has the size that was expected.
        if let Ok(taken) = taken(&bytes, 3000) {
            prop_assert_eq!(taken.len(), 3000);
        }
    }
}
