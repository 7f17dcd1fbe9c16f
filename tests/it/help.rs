//! What `--help` tells, command by command.

use crate::context::TestContext;

/// Every command that help lists, with its subcommands: `cases export`.
fn commands(context: &TestContext, above: &[String]) -> Vec<Vec<String>> {
    let arguments: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
    let help = context.run(&arguments).expect_code(0).stdout;
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let mut all = Vec::new();
    for line in list.lines().take_while(|line| line.starts_with("  ")) {
        // A name starts in the third column; descriptions that wrap are indented further.
        let Some(name) =
            line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).and_then(|rest| rest.split_whitespace().next())
        else {
            continue;
        };
        if name != "help" {
            let command: Vec<String> = above.iter().cloned().chain([name.to_owned()]).collect();
            all.push(command.clone());
            all.extend(commands(context, &command));
        }
    }
    all
}

#[test]
fn every_command_has_help_with_an_example() {
    let context = TestContext::new();
    let mut faults = Vec::new();
    let commands = commands(&context, &[]);
    for command in &commands {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = context.run(&arguments).expect_code(0).stdout;
        // Small subcommands may leave the examples to the command above them.
        let above: Vec<&str> = command[..command.len() - 1].iter().map(String::as_str).chain(["--help"]).collect();
        let shown_above = command.len() > 1 && context.run(&above).stdout.contains("Example");
        if !help.contains("Example") && !shown_above {
            faults.push(format!("{}: --help has no example", command.join(" ")));
        }
        if help.lines().next().is_none_or(str::is_empty) {
            faults.push(format!("{}: --help does not say what it does", command.join(" ")));
        }
    }
    assert!(commands.len() >= 4, "{commands:?}");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn help_lists_what_scripts_rely_on() {
    let context = TestContext::new();
    let help = context.run(&["--help"]).expect_code(0).stdout;
    for code in ["0", "1", "2", "3", "4", "130"] {
        let codes = help.split("Exit codes:").nth(1).expect("help documents the exit codes");
        assert!(codes.contains(code), "{codes}");
    }
    assert!(!help.contains("\n  worker"), "the worker is not for people:\n{help}");
    assert!(!help.contains('\u{1b}'), "no escape sequences in a pipe");
}

#[test]
fn help_of_every_command() {
    let context = TestContext::new();
    let mut all = String::new();
    for command in std::iter::once(Vec::new()).chain(commands(&context, &[])) {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = context.run(&arguments).stdout;
        all.push_str(&format!("$ scrutineer {}\n{}\n", arguments.join(" "), help.replace("scrutineer.exe", "scrutineer")));
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn version_is_the_package_version() {
    let context = TestContext::new();
    assert_eq!(context.run(&["--version"]).expect_code(0).stdout, format!("scrutineer {}\n", env!("CARGO_PKG_VERSION")));
}
