//! The documentation is true: links lead somewhere, commands parse, defaults are those of the command, and the
//! files to deploy speak of metrics that there are. `WSBEAT_BLESS=1` prints what is generated anew.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Folder, PATIENCE, Running, first_line, run, wsbeat};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every page that is in the project.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let is_ours = !name.to_string_lossy().starts_with('.') && name != "target" && name != "node_modules";
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                let text = fs::read_to_string(&path).unwrap();
                pages.push((path, text));
            }
        }
    }
    assert!(pages.len() >= 8, "{pages:?}");
    pages
}

/// The lines outside of blocks of code, without code in them.
fn prose(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line.split('`').step_by(2).collect::<String>());
        }
    }
    lines
}

/// The blocks of code in this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// The anchors of a page, as GitHub makes them from headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        found.insert(kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    found
}

#[test]
fn every_link_within_the_project_leads_somewhere() {
    let mut count = 0;
    for (path, text) in pages() {
        for line in prose(&text) {
            for link in line.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                count += 1;
                let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
                let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
                assert!(target.exists(), "{}: {link} leads nowhere", path.display());
                if let Some(anchor) = anchor {
                    let there = anchors(&fs::read_to_string(&target).unwrap());
                    assert!(there.contains(anchor), "{}: {link} has no such heading: {there:?}", path.display());
                }
            }
        }
    }
    assert!(count > 30, "{count} links");
}

#[test]
fn every_page_of_the_documentation_is_in_its_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    for entry in fs::read_dir(root().join("docs")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(!name.ends_with(".md") || name == "README.md" || index.contains(&format!("]({name})")), "docs/README.md lacks {name}");
    }
}

/// The words of a command line, as a shell has them: quotes hold words together, a comment ends the line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The arguments of the commands of ours in a block, without what a shell does with them.
fn commands(block: &str) -> Vec<Vec<String>> {
    let lines = block.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in lines.lines().filter_map(|line| line.strip_prefix("$ ")) {
        for part in line.split("&&") {
            let words = words(part);
            let ours = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["wsbeat", ..] => 1,
                ["cargo", "run", "--release", "--", ..] => 4,
                _ => continue,
            };
            let ends = |word: &String| ["|", ">", ";", "2>", "&"].contains(&word.as_str());
            found.push(words.into_iter().skip(ours).take_while(|word| !ends(word)).collect());
        }
    }
    found
}

#[test]
fn every_command_in_the_documentation_parses() {
    let mut count = 0;
    for (path, text) in pages() {
        for args in blocks(&text, "console").into_iter().flat_map(commands) {
            count += 1;
            // What follows asks for help: the arguments before it are parsed, and nothing is done.
            let mut command = wsbeat(&args);
            command.arg("--wsbeat-no-such-flag");
            let said = Running::start(command).end().stderr;
            let is_parsed = said.contains("unexpected argument '--wsbeat-no-such-flag'");
            assert!(is_parsed, "{}: wsbeat {}: {said}", path.display(), args.join(" "));
        }
    }
    assert!(count > 20, "{count} commands");
}

#[test]
fn words_are_those_of_a_shell() {
    assert_eq!(words("wsbeat connect 'a b' \"c\" # d"), ["wsbeat", "connect", "a b", "c"]);
    assert_eq!(
        commands("$ wsbeat dialects show okx > f && wsbeat ping x\nout\n$ ls"),
        [vec!["dialects", "show", "okx"], vec!["ping", "x"]]
    );
}

#[test]
fn every_default_in_the_documentation_is_the_one_in_force() {
    let printed = run(["serve", "--print-config"]).stdout;
    let in_force: Vec<(&str, &str)> = printed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once("  #").map_or(line, |(left, _)| left).split_once(" = ").unwrap())
        .map(|(key, value)| (key, value.trim()))
        .collect();
    let page = fs::read_to_string(root().join("docs/defaults.md")).unwrap();
    let told: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let (key, rest) = row.split_once("` | `").unwrap();
            (key, rest.split_once('`').unwrap().0)
        })
        .collect();
    for (key, value) in &told {
        assert!(in_force.contains(&(key, value)), "docs/defaults.md: {key} = {value}; in force: {printed}");
    }
    for (key, value) in &in_force {
        assert!(told.iter().any(|(other, _)| other == key), "docs/defaults.md lacks {key} = {value}");
    }
}

#[test]
fn the_example_dialect_is_the_one_on_the_page_and_loads() {
    let example = fs::read_to_string(root().join("docs/examples/acme.toml")).unwrap();
    let page = fs::read_to_string(root().join("docs/dialects.md")).unwrap();
    let body = example.split_once("[[dialect]]").unwrap().1.trim();
    assert!(blocks(&page, "toml").iter().any(|block| block.trim_start_matches("[[dialect]]").trim() == body), "the page shows another one");
    let checked = run(["dialects", "check", root().join("docs/examples/acme.toml").to_str().unwrap()]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    assert!(checked.stdout.ends_with("ok: acme\n"), "{}", checked.stdout);
}

#[test]
fn every_configuration_in_the_documentation_is_one() {
    let folder = Folder::new("docs");
    for (path, text) in pages().into_iter().filter(|(path, _)| path.ends_with("operating.md")) {
        for block in blocks(&text, "toml") {
            let checked = run(["check-config", &folder.file("block.toml", block)]);
            assert_eq!(checked.code, Some(0), "{}: {}", path.display(), checked.stderr);
        }
    }
    for file in ["deploy/systemd/wsbeat.toml", "deploy/container/wsbeat.toml"] {
        let checked = run(["check-config", root().join(file).to_str().unwrap()]);
        assert_eq!(checked.code, Some(0), "{file}: {}", checked.stderr);
    }
}

const FIELDS_BEGIN: &str = "<!-- the fields: printed by cli/tests/command/docs.rs from core/src/dialect/presets.toml -->\n";
const END: &str = "<!-- end -->";

/// The description of the fields at the head of the embedded dialects, as a table.
fn fields() -> String {
    let presets = fs::read_to_string(root().join("core/src/dialect/presets.toml")).unwrap();
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in presets.lines().skip_while(|line| *line != "#").skip(3).map_while(|line| line.strip_prefix('#')) {
        let line = line.strip_prefix("   ").unwrap_or(line);
        let (name, text) = line.split_at_checked(20).unwrap_or((line, ""));
        if !name.trim().is_empty() {
            rows.push((name.trim().to_owned(), text.trim().to_owned()));
        } else if let Some((_, last)) = rows.last_mut() {
            *last = format!("{last} {}", text.trim());
        }
    }
    let row = |(name, text): &(String, String)| {
        let needed = if name.ends_with('*') { "yes" } else { "" };
        let names: Vec<String> = name.split(',').map(|one| format!("`{}`", one.trim().trim_end_matches('*').trim())).collect();
        format!("| {} | {needed} | {} |\n", names.join(", "), text.replace('|', "\\|").replace('<', "&lt;"))
    };
    format!("| field | needed | what it says |\n|---|---|---|\n{}", rows.iter().map(row).collect::<String>())
}

#[test]
fn the_page_on_dialects_describes_every_field() {
    let path = root().join("docs/dialects.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(FIELDS_BEGIN).expect("the begin of the fields");
    let (told, after) = rest.split_once(END).expect("the end of the fields");
    if std::env::var_os("WSBEAT_BLESS").is_some() {
        fs::write(&path, format!("{before}{FIELDS_BEGIN}{}{END}{after}", fields())).unwrap();
        return;
    }
    assert_eq!(told, fields(), "run WSBEAT_BLESS=1 cargo test -p wsbeat --test command docs");
    for field in ["id", "death", "match", "replies", "negotiated", "recognise", "hello"] {
        assert!(told.contains(&format!("| `{field}` |")), "{field}: {told}");
    }
}

/// Names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let names = text.split(|c| !is_part(c)).filter(|name| name.starts_with("wsbeat_") || name.starts_with("process_"));
    names.map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let mut command = wsbeat(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--set", "ping_interval=1s"]);
    command.env("NO_COLOR", "1");
    let mut running = Running::start(command);
    first_line(&mut running);
    let line = first_line(&mut running);
    let admin = line.strip_prefix("admin on http://").expect(&line).to_owned();
    let mut stream = TcpStream::connect(&admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let there: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with("# TYPE ") || line.starts_with("wsbeat_") || line.starts_with("process_"))
        .flat_map(metrics)
        .flat_map(|name| [format!("{name}_total"), name])
        .collect();
    let mut asked = BTreeSet::new();
    for file in ["prometheus/wsbeat.rules.yml", "grafana/wsbeat.json"] {
        asked.extend(metrics(&fs::read_to_string(root().join("deploy").join(file)).unwrap()));
    }
    let page = fs::read_to_string(root().join("docs/operating.md")).unwrap();
    asked.extend(metrics(&page));
    assert!(asked.len() > 12, "{asked:?}");
    let is_there = |name: &String| there.contains(name) || there.contains(name.trim_end_matches("_bucket"));
    let missing: Vec<&String> = asked.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {there:?}");
}

#[test]
fn the_alerts_do_what_their_tests_say() {
    let folder = root().join("deploy/prometheus");
    let Ok(tested) = Command::new("promtool").args(["test", "rules", "wsbeat.rules.test.yml"]).current_dir(&folder).output() else {
        eprintln!("no promtool: the alerts were not tested");
        return;
    };
    assert!(tested.status.success(), "{}{}", String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let folder = Folder::new("unit");
    let unit = fs::read_to_string(root().join("deploy/systemd/wsbeat.service")).unwrap();
    // What is installed on this machine is not what is looked at.
    let unit = unit.replace("/usr/bin/wsbeat", "/bin/true");
    let unit: Vec<&str> = unit.lines().filter(|line| !line.starts_with("Documentation=")).collect();
    let path = folder.file("wsbeat.service", &unit.join("\n"));
    let Ok(verified) = Command::new("systemd-analyze").args(["verify", "--man=no", &path]).output() else {
        eprintln!("no systemd-analyze: the unit was not verified");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("wsbeat.service"), "{said}");
}
