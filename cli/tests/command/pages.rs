//! Completions and manual pages, used as their readers use them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::Command;

use crate::common::{Folder, run};

/// What bash offers for a line, by the script that `completions bash` prints.
fn offered(folder: &Folder, line: &str) -> Vec<String> {
    let script = folder.file("wsbeat.bash", &run(["completions", "bash"]).stdout);
    let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
    let code = format!(
        "source '{script}'; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); \
         _wsbeat wsbeat \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" ")
    );
    let output = Command::new("bash").args(["-c", &code]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_subcommands_options_and_known_names() {
    let folder = Folder::new("completions");
    assert_eq!(offered(&folder, "wsbeat pi"), ["ping"]);
    assert_eq!(offered(&folder, "wsbeat ping --che"), ["--check"]);
    assert_eq!(offered(&folder, "wsbeat connect --dialect htx-spot"), ["htx-spot-v1", "htx-spot-v2"]);
    assert_eq!(offered(&folder, "wsbeat connect --show f"), ["frames"]);
    assert_eq!(offered(&folder, "wsbeat serve --profile torn"), ["tornado-6.4", "tornado-6.5"]);
    assert_eq!(offered(&folder, "wsbeat dialects show kra"), ["kraken-v2"]);
    assert!(offered(&folder, "wsbeat completions ").contains(&"fish".to_owned()));
}

#[test]
fn every_shell_has_a_script() {
    for (shell, mark) in [
        ("bash", "complete -F _wsbeat"),
        ("zsh", "#compdef wsbeat"),
        ("fish", "complete -c wsbeat"),
        ("elvish", "edit:"),
        ("powershell", "Register-"),
    ] {
        let ended = run(["completions", shell]);
        assert!(ended.code == Some(0) && ended.stdout.contains(mark), "{shell}");
        assert!(["ping", "advise", "connect", "serve"].iter().all(|command| ended.stdout.contains(command)), "{shell}");
    }
}

#[test]
fn the_pages_of_all_subcommands_are_written_at_once() {
    let folder = Folder::new("man");
    let ended = run(["man", "--dir", &folder.path(".")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (file, title, words) in [
        ("wsbeat.1", "WSBEAT", "wsbeat\\-ping(1)"),
        ("wsbeat-ping.1", "WSBEAT-PING", ".SH \"EXIT STATUS\""),
        ("wsbeat-dialects-check.1", "WSBEAT-DIALECTS-CHECK", "wsbeat dialects check mine.toml"),
    ] {
        let page = std::fs::read_to_string(folder.path(file)).unwrap();
        assert!(page.contains(&format!(".TH {title} 1 ")), "{page}");
        assert!(page.contains(words), "{file}: {page}");
        assert!(ended.stdout.lines().any(|line| line.ends_with(file)), "{}", ended.stdout);
    }
    let one = run(["man", "dialects", "check"]);
    assert_eq!(one.stdout, std::fs::read_to_string(folder.path("wsbeat-dialects-check.1")).unwrap());
    assert_eq!(run(["man", "--dir", &folder.path("nowhere")]).code, Some(2));
}
