//! Makes the documents under `fixtures/` from their sources. The same sources give the same bytes on every machine.
//!
//! ```text
//! cargo run --example make_fixtures                       # writes fixtures/
//! cargo run --example make_fixtures -- --hostile DIR      # writes files that try to harm a reader
//! ```
#![allow(clippy::expect_used, clippy::panic)] // a tool for developers: its sources are part of it

mod press;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => write_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), press::fixtures()),
        ["--hostile", folder] => write_all(Path::new(folder), press::hostile()),
        [folder] => write_all(Path::new(folder), press::fixtures()),
        _ => panic!("usage: make_fixtures [[--hostile] DIR]"),
    }
}

fn write_all(folder: &Path, fixtures: Vec<press::Fixture>) {
    for fixture in fixtures {
        let path = folder.join(fixture.path);
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("the folder can be made");
        std::fs::write(&path, &fixture.bytes).expect("the file can be written");
        println!("{:>8} bytes  {}", fixture.bytes.len(), path.display());
    }
}
