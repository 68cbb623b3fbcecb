//! Runs the golden scripts of `tests/scripts` against larder.
//!
//! `GOLDEN=generic/del` runs the scripts whose path contains that text; `GOLDEN_SERVER=redis-server`
//! puts another program in larder's place, as `scripts/replay` does.

mod in_process;
mod pattern;
mod regex;
mod reply;
mod run;
mod script;
mod tcp;

use std::path::{Path, PathBuf};

use crate::script::{Action, Script};

/// The scripts, read; with their paths below `tests/scripts`.
fn scripts() -> Vec<(String, Script)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let filter = std::env::var("GOLDEN").unwrap_or_default();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .iter()
        .map(|path| (path.strip_prefix(&root).expect("it is below").display().to_string(), path))
        .filter(|(name, _)| name.contains(&filter))
        .map(|(name, path)| {
            let text = std::fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
            let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}:{error}"));
            (name, script)
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the scripts are there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "golden") {
            paths.push(path);
        }
    }
}

/// The command-line options that a script asks for.
fn options(script: &Script) -> Vec<String> {
    let of_step = |action: &Action| match action {
        Action::Options(options) => options.clone(),
        _ => Vec::new(),
    };
    script.steps.iter().flat_map(|step| of_step(&step.action)).collect()
}

#[test]
fn scripts_hold_over_tcp() {
    let server = std::env::var("GOLDEN_SERVER");
    let program = server.as_deref().unwrap_or(env!("CARGO_BIN_EXE_larder"));
    let mut failures = Vec::new();
    for (name, script) in scripts() {
        match tcp::Tcp::start(program, &options(&script)) {
            Ok(mut server) => {
                let failed = run::run(&script, &mut server);
                failures.extend(failed.iter().map(|failure| format!("{name}:{failure}")));
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn scripts_hold_in_process() {
    let mut failures = Vec::new();
    for (name, script) in scripts() {
        match in_process::Local::start(&options(&script)) {
            Ok(mut server) => {
                let failed = run::run(&script, &mut server);
                failures.extend(failed.iter().map(|failure| format!("{name}:{failure}")));
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
