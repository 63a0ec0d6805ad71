//! The rules of the house: floors, file lengths, and what must not stand in the core.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the core; an import points down, or stays on its floor.
const FLOORS: [(&str, u8); 16] = [
    ("time", 1),
    ("rng", 1),
    ("ids", 2),
    ("verdict", 2),
    ("event", 2),
    ("policy", 2),
    ("wheel", 3),
    ("rtt", 3),
    ("codec", 3),
    ("connection", 4),
    ("dialect", 4),
    ("stats", 5),
    ("hub", 6),
    ("trace", 7),
    ("sim", 8),
    ("lib", 9),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(of: &str) -> Vec<(PathBuf, String)> {
    let (mut files, mut folders) = (vec![], vec![root().join(of)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "target" && n != "node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "no sources in {of}");
    files
}

/// The module of the core that a file belongs to.
fn module(path: &Path) -> String {
    let inside = path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).skip_while(|c| c != "src").nth(1).unwrap();
    inside.trim_end_matches(".rs").to_string()
}

fn floor(module: &str) -> u8 {
    FLOORS.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("{module} has no floor")).1
}

#[test]
fn imports_in_the_core_point_down() {
    for (path, text) in sources("core/src") {
        let own = module(&path);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for imported in line.split("crate::").skip(1) {
                let name: String = imported.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if name.is_empty() {
                    continue;
                }
                assert!(floor(&name) <= floor(&own), "{} imports {name}, which is above it: {line}", path.display());
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    for part in ["core", "io-tokio", "cli", "tests", "fuzz"] {
        for (path, text) in sources(part) {
            let lines = text.lines().count();
            assert!(lines <= 400, "{} has {lines} lines: look for the second thing in it", path.display());
        }
    }
}

#[test]
fn the_core_has_no_clock_socket_thread_log_or_randomness_of_its_own() {
    let banned =
        ["Instant::now", "SystemTime", "std::thread", "std::net", "tokio", "tracing", "println!", "HashMap", "thread_local", "rand::"];
    for (path, text) in sources("core/src") {
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            for word in banned {
                assert!(!line.contains(word), "{}:{}: {word}", path.display(), number + 1);
            }
        }
    }
    let root_of_core = fs::read_to_string(root().join("core/src/lib.rs")).unwrap();
    assert!(root_of_core.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn nothing_is_left_to_do_without_a_word() {
    for part in ["core", "io-tokio", "cli", "tests/src", "tests/tests", "fuzz"] {
        for (path, text) in sources(part) {
            for (number, line) in text.lines().enumerate().filter(|_| !path.ends_with("house.rs")) {
                let left = ["todo!(", "unimplemented!(", "TODO", "FIXME", "#[ignore"].into_iter().find(|w| line.contains(w));
                assert!(left.is_none(), "{}:{}: {left:?}", path.display(), number + 1);
            }
        }
    }
}
