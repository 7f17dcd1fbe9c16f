//! The fixtures are what their program makes, and are fit to be made-up documents.

use std::path::Path;

use crate::context::fixture;
use crate::press;

#[test]
fn committed_files_are_what_the_program_makes() {
    for made in press::fixtures() {
        let kept = std::fs::read(fixture(made.path)).unwrap_or_else(|error| panic!("{}: {error}", made.path));
        assert!(
            kept == made.bytes,
            "{}: differs from what `cargo run --example make_fixtures` makes: run it and commit",
            made.path
        );
    }
}

#[test]
fn no_document_is_left_over() {
    let made: Vec<String> = press::fixtures().iter().map(|fixture| fixture.path.to_owned()).collect();
    for folder in ["", "broken/"] {
        for entry in std::fs::read_dir(fixture(folder)).unwrap() {
            let name = format!("{folder}{}", entry.unwrap().file_name().to_string_lossy());
            let is_document = Path::new(&name).extension().is_some_and(|extension| extension == "pdf");
            assert!(!is_document || made.contains(&name), "{name} is not made by the program: add it to the press or remove it");
        }
    }
}

#[test]
fn every_source_says_that_it_is_made_up() {
    for entry in std::fs::read_dir(fixture("sources")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("made up for") || text.contains("為測試軟體而編寫"),
            "{}: say in the text that it is made up",
            path.display()
        );
        for identifier in
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 20 && word.starts_with("ZZZZ"))
        {
            assert!(has_valid_check_digits(identifier), "{}: {identifier}", path.display());
        }
    }
}

/// ISO 17442: with letters as 10 to 35, the number leaves 1 when divided by 97.
fn has_valid_check_digits(identifier: &str) -> bool {
    let remainder = identifier.chars().filter_map(|character| character.to_digit(36)).fold(0, |remainder, value| {
        let shift = if value < 10 { 10 } else { 100 };
        (remainder * shift + value) % 97
    });
    remainder == 1
}
