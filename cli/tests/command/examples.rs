//! Every example that the help and the readme give, run as it is written.
//!
//! A server that listens at the usual port would meet others on the same machine: examples that serve get a free port by the
//! environment, examples that connect to the usual one get the address of a server of ours put in its place. An example that
//! does not end by itself gets an interrupt, as from a person who has seen enough.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Folder, PATIENCE, Serve, run, shape};

/// How long an example may go on until it is interrupted.
const ENOUGH: Duration = Duration::from_secs(2);

/// What examples find around them.
struct Place {
    folder: Folder,
    server: Serve,
    /// The server's admin address.
    admin: String,
    /// A file of dialects.
    dialect: String,
}

/// What an example said, and how it ended.
struct Seen {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new(name: &str, interval: &str) -> Self {
        let dialect = run(["dialects", "show", "okx"]).stdout.replace("id = \"okx\"", "id = \"my-dialect\"");
        let mut server = Serve::start(&["--interval", interval, "--admin", "127.0.0.1:0"]);
        let admin = server.line().trim_end().strip_prefix("admin on ").unwrap().to_owned();
        Place { folder: Folder::new(name), server, admin, dialect }
    }

    /// Puts the files there that examples name. Some examples write them.
    fn prepare(&self) {
        let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name);
        let text = |path: &str| std::fs::read_to_string(fixture(path)).unwrap();
        self.folder.file("chain.pem", &text("tests/fixtures/server.pem"));
        self.folder.file("key.pem", &text("tests/fixtures/server.key"));
        self.folder.file("trace.jsonl", &text("golden/htx.jsonl"));
        self.folder.file("live.jsonl", &text("golden/htx.jsonl"));
        self.folder.file("wsbeat.toml", "interval = \"5s\"\n");
        self.folder.file("mine.toml", &self.dialect);
        for dir in [".local/share/man/man1", ".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"] {
            std::fs::create_dir_all(self.folder.path(dir)).unwrap();
        }
    }

    /// Runs a line of a shell.
    fn run(&self, line: &str) -> Seen {
        self.prepare();
        let line = self.with_our_addresses(line);
        let bin = Path::new(env!("CARGO_BIN_EXE_wsbeat")).parent().unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("env");
        // With job control on, the example is a group of its own, which can be interrupted as a terminal does it, also where
        // these tests run as a job in the background, which no interrupt reaches.
        shell.args(["--default-signal=INT", "bash", "-c", &format!("set -m; ( {line}\n) & echo $! > .pid; wait $!")]);
        shell.current_dir(self.folder.path(".")).env("PATH", path).env("HOME", self.folder.path(".")).env("NO_COLOR", "1");
        if !line.contains("--listen") && !line.contains("--print-config") {
            shell.env("WSBEAT_LISTEN", "127.0.0.1:0");
        }
        let (stdout, stderr) = (self.folder.path(".out"), self.folder.path(".err"));
        let file = |path: &str| Stdio::from(std::fs::File::create(path).unwrap());
        let mut child = shell.stdin(Stdio::null()).stdout(file(&stdout)).stderr(file(&stderr)).spawn().unwrap();
        let begun = Instant::now();
        let mut interrupted = false;
        let code = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            if begun.elapsed() > ENOUGH && !interrupted {
                interrupted = true;
                let pid = std::fs::read_to_string(self.folder.path(".pid")).unwrap();
                Command::new("kill").args(["-s", "INT", "--", &format!("-{}", pid.trim())]).status().unwrap();
            }
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        Seen { code, stdout: read(&stdout), stderr: read(&stderr) }
    }

    fn with_our_addresses(&self, line: &str) -> String {
        let line = if line.starts_with("wsbeat top") && !line.contains("http://") {
            line.replace("wsbeat top", &format!("wsbeat top {}", self.admin))
        } else {
            line.replace("http://127.0.0.1:9888", &self.admin)
        };
        let servers = ["ws://127.0.0.1:8888", "wss://api.example.com/ws"];
        let line = servers.iter().fold(line, |line, url| line.replace(url, &self.server.url));
        let ours = ["--listen 0.0.0.0:443", "--listen 0.0.0.0:8443", "--admin 127.0.0.1:9888"];
        ours.iter().fold(line, |line, flag| {
            let (name, _) = flag.split_once(' ').unwrap();
            line.replace(flag, &format!("{name} 127.0.0.1:0"))
        })
    }

    /// Runs a line, which has to end with this status.
    fn ends_with(&self, code: i32, line: &str) -> Seen {
        let seen = self.run(line);
        // What only computes has nothing to clean up: an interrupt ends it as it ends any command (128 + SIGINT).
        let computes = ["wsbeat simulate", "wsbeat advise"].iter().any(|command| line.starts_with(command));
        // How fast the machine of these tests is just now says nothing: an objective of time may be missed.
        let missed: Vec<_> = seen.stdout.lines().filter(|line| line.starts_with("missed ")).collect();
        let slow = seen.code == Some(1) && !missed.is_empty() && missed.iter().all(|line| line.starts_with("missed echo.p99<"));
        let ends_well = seen.code == Some(code) || (computes && seen.code == Some(130)) || slow;
        assert!(ends_well, "{line}: {:?}\n{}{}", seen.code, seen.stdout, seen.stderr);
        seen
    }
}

/// The examples in a help text.
fn examples(help: &str) -> Vec<String> {
    let block = help.split("Examples:\n").nth(1).unwrap_or_default();
    block.lines().take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

/// The subcommands in a help text.
fn subcommands(help: &str) -> Vec<String> {
    let block = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = block.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(path: &[String]) -> String {
    let mut command = crate::common::wsbeat(path.iter().map(String::as_str).chain(["--help"]));
    // Nothing is wrapped.
    let output = command.env("COLUMNS", "500").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Every subcommand with its help.
fn helps() -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let text = help(&path);
        paths.extend(subcommands(&text).into_iter().map(|name| [path.clone(), vec![name]].concat()));
        found.push((path, text));
    }
    found
}

#[test]
fn the_examples_of_every_help_text_run() {
    // Thousands of clients in a moment: a machine that is busy with other tests answers late.
    let place = Place::new("help-examples", "1s");
    let all = helps();
    assert!(all.len() > 12, "{}", all.len());
    for (path, text) in all {
        let examples = examples(&text);
        assert!(examples.len() >= 3, "{path:?} has {} examples", examples.len());
        for example in examples {
            let needs_man = example.contains("| man ");
            if !needs_man || Command::new("man").arg("--version").output().is_ok() {
                place.ends_with(0, &example);
            }
        }
    }
}

/// A `console` block: each command with the lines that follow it.
fn console_blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        for line in block.lines().take_while(|line| !line.starts_with("```")) {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push((command.to_owned(), Vec::new())),
                (None, Some((_, output))) => output.push(line.to_owned()),
                (None, None) => panic!("output without a command: {line}"),
            }
        }
    }
    found
}

#[test]
fn the_commands_of_the_readme_run_and_say_what_it_shows() {
    let place = Place::new("readme", "200ms");
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let blocks = console_blocks(&readme);
    assert!(blocks.len() > 8, "{blocks:?}");
    let prefix = "cargo run --release -- ";
    for (command, shown) in blocks {
        let Some(rest) = command.strip_prefix(prefix) else {
            // The gate runs every test; nothing else stands there.
            assert_eq!(command, "cargo test --workspace");
            continue;
        };
        let wanted = if rest.contains("--no-pong") { 4 } else { 0 };
        let seen = place.ends_with(wanted, &format!("wsbeat {rest}"));
        let port = place.server.url.rsplit_once(':').unwrap().1.to_owned();
        let said: Vec<String> = seen.stdout.lines().map(|line| shape(&line.replace(&port, "8888"))).collect();
        for line in shown {
            assert!(said.contains(&shape(&line)), "{command} does not say {line:?} but\n{}", seen.stdout);
        }
    }
}
