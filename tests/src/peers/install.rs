//! Where the peers' interpreters and libraries come from.
//!
//! Needed on the machine: `python3` (3.11 or newer for the second generation) with its `venv` module (a package of its
//! own on Debian, `python3-venv`) or `virtualenv`; `node` with `npm`; and the registries of both, once. Libraries go into
//! `WSBEAT_CACHE`, by default `interop` in the target directory, one folder for each set of pins: a changed pin is a new
//! folder, a folder counts once its stamp is written, and a lock keeps parallel test processes from installing twice.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const STAMP: &str = "installed";
/// Tornado 6.1 has no wheel for today's Python and is built here: by this version, whatever the newest one does.
const BUILD_PINS: &str = "build-constraints.txt";

/// The two generations of the article's libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Tornado 6.1 with websocket-client 0.57: those of the article's time.
    First,
    /// Tornado 6.6.1 with websocket-client 1.9.2.
    Second,
}

impl Generation {
    /// Both, in order.
    pub const BOTH: [Generation; 2] = [Generation::First, Generation::Second];

    fn pins(self) -> &'static str {
        match self {
            Generation::First => "tornado-6.1",
            Generation::Second => "tornado-6.6",
        }
    }
}

/// The Tornados whose ways of pinging have profiles of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tornado {
    /// 6.4.2, the last of the old way.
    V6_4,
    /// 6.6.1, whose way came with 6.5.2.
    V6_6,
}

/// A peer that a test can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The article's Tornado server with ping settings; an empty pong is answered with a 13-byte timestamp ping.
    PingServer(Generation),
    /// Tornado with ping settings and nothing on top.
    PlainServer(Tornado),
    /// The article's Tornado server with the gzip heartbeat.
    HeartbeatServer(Generation),
    /// The article's `websocket-client` client, of either server.
    ArticleClient(Generation),
    /// Python `websockets`, its keepalive or (`--mode heartbeat`) the gzip heartbeat.
    WebsocketsServer,
    /// Python `websockets`; `--connections` for many at once.
    WebsocketsClient,
    /// Node `ws`, the recipe of its README or (`--mode heartbeat`) the gzip heartbeat.
    WsServer,
    /// Node `ws`.
    WsClient,
    /// Tornado as it is compared with others.
    MeasuredTornado,
    /// Python `websockets` as it is compared with others.
    MeasuredWebsockets,
    /// Node `ws` as it is compared with others.
    MeasuredWs,
    /// uWebSockets as it is compared with others.
    MeasuredSocketify,
    /// huobi-sdk, in each form of HTX's heartbeats (`--form`).
    HuobiClient,
    /// The clients of Binance, OKX, Bybit and KuCoin (`--package`).
    ExchangeClient,
}

impl Program {
    fn file(self) -> &'static str {
        match self {
            Program::PingServer(_) => "ping_server.py",
            Program::PlainServer(_) => "plain_server.py",
            Program::HeartbeatServer(_) => "heartbeat_server.py",
            Program::ArticleClient(_) => "article_client.py",
            Program::WebsocketsServer => "websockets_server.py",
            Program::WebsocketsClient => "websockets_client.py",
            Program::WsServer => "ws_server.js",
            Program::WsClient => "ws_client.js",
            Program::MeasuredTornado => "measured_tornado.py",
            Program::MeasuredWebsockets => "measured_websockets.py",
            Program::MeasuredWs => "measured_ws.js",
            Program::MeasuredSocketify => "measured_socketify.py",
            Program::HuobiClient => "huobi_client.py",
            Program::ExchangeClient => "exchange_client.py",
        }
    }

    fn runtime(self) -> &'static Result<Runtime, String> {
        match self {
            Program::PingServer(generation) | Program::HeartbeatServer(generation) | Program::ArticleClient(generation) => {
                &runtimes().python[generation as usize]
            }
            Program::WebsocketsServer
            | Program::WebsocketsClient
            | Program::PlainServer(Tornado::V6_6)
            | Program::MeasuredTornado
            | Program::MeasuredWebsockets => &runtimes().python[Generation::Second as usize],
            Program::PlainServer(Tornado::V6_4) => &runtimes().tornado_6_4,
            Program::WsServer | Program::WsClient | Program::MeasuredWs => &runtimes().node,
            Program::MeasuredSocketify => socketify(),
            Program::HuobiClient => &exchanges()[0],
            Program::ExchangeClient => &exchanges()[1],
        }
    }

    /// Why this program cannot run here, if so. Installs everything on the first call.
    pub(super) fn missing(self) -> Option<String> {
        self.runtime().as_ref().err().cloned()
    }

    /// The command that starts it.
    ///
    /// # Errors
    /// The reason why it cannot run here.
    pub fn command(self) -> Result<Command, String> {
        let runtime = self.runtime().as_ref().map_err(Clone::clone)?;
        let mut command = Command::new(&runtime.interpreter);
        command.arg(sources().join(self.file())).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(modules) = &runtime.node_modules {
            command.env("NODE_PATH", modules);
        }
        Ok(command)
    }
}

struct Runtime {
    interpreter: PathBuf,
    node_modules: Option<PathBuf>,
}

struct Runtimes {
    python: [Result<Runtime, String>; 2],
    tornado_6_4: Result<Runtime, String>,
    node: Result<Runtime, String>,
}

/// All of them at once, so that no install disturbs the clock of a test that already runs.
fn runtimes() -> &'static Runtimes {
    static RUNTIMES: OnceLock<Runtimes> = OnceLock::new();
    RUNTIMES.get_or_init(|| Runtimes {
        python: Generation::BOTH.map(|generation| install_python(generation.pins(), "import tornado.websocket, websocket")),
        tornado_6_4: install_python("tornado-6.4", "import tornado.websocket"),
        node: install_node(),
    })
}

/// The exchanges' own clients: HTX's, which wants an old library below it, and the others.
fn exchanges() -> &'static [Result<Runtime, String>; 2] {
    static EXCHANGES: OnceLock<[Result<Runtime, String>; 2]> = OnceLock::new();
    // Some start a thread when they are imported, which would be waited for.
    let sdk = |name, modules| install_python(name, &format!("import os, {modules}; os._exit(0)"));
    let others = "binance.websocket.spot.websocket_stream, kucoin.ws_client, okx.websocket.WsPublicAsync, pybit.unified_trading";
    EXCHANGES.get_or_init(|| [sdk("huobi-sdk", "huobi.client.market"), sdk("exchanges", others)])
}

/// No test has it.
fn socketify() -> &'static Result<Runtime, String> {
    static SOCKETIFY: OnceLock<Result<Runtime, String>> = OnceLock::new();
    SOCKETIFY.get_or_init(|| install_python("socketify", "import socketify"))
}

pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The target directory, read off the place of the running test: `<target>/<profile>/deps/<test>`.
pub(super) fn target_dir() -> Result<PathBuf, String> {
    let test = env::current_exe().map_err(|error| format!("the running test has no path: {error}"))?;
    let target = test.ancestors().nth(3).ok_or("the running test lies outside of a target directory")?;
    Ok(target.to_path_buf())
}

fn cache_dir() -> Result<PathBuf, String> {
    match env::var_os("WSBEAT_CACHE") {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Ok(target_dir()?.join("interop")),
    }
}

fn install_python(pins: &str, imports: &str) -> Result<Runtime, String> {
    Ok(Runtime { interpreter: install_packages(pins, imports)?, node_modules: None })
}

/// Installs what `NAME.txt` pins and tries `imports`; returns the interpreter that has it.
pub(super) fn install_packages(name: &str, imports: &str) -> Result<PathBuf, String> {
    let python = env::var("WSBEAT_PYTHON").unwrap_or_else(|_| "python3".into());
    let version = run(Command::new(&python).args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]))?;
    let requirements = sources().join(format!("{name}.txt"));
    let pins = read(&requirements)? + &read(&sources().join(BUILD_PINS))?;
    let folder = install_once(&format!("{name}-py{}", version.trim()), &pins, |folder| {
        make_venv(&python, folder)?;
        let mut pip = Command::new(venv_python(folder));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"]);
        pip.arg(&requirements).env("PIP_CONSTRAINT", sources().join(BUILD_PINS)).env("TORNADO_EXTENSION", "0");
        run(&mut pip)?;
        run(Command::new(venv_python(folder)).args(["-c", imports])).map(drop)
    })?;
    Ok(venv_python(&folder))
}

/// By the `venv` module, or by `virtualenv` where the system ships Python without it.
fn make_venv(python: &str, folder: &Path) -> Result<(), String> {
    let Err(venv) = run(Command::new(python).args(["-m", "venv"]).arg(folder)) else {
        return Ok(());
    };
    remove(folder)?;
    match run(Command::new("virtualenv").args(["--python", python]).arg(folder)) {
        Ok(_) => Ok(()),
        Err(virtualenv) => Err(format!("{venv}; {virtualenv} (on Debian: install python3-venv)")),
    }
}

fn venv_python(folder: &Path) -> PathBuf {
    folder.join("bin").join("python")
}

fn install_node() -> Result<Runtime, String> {
    Ok(Runtime { interpreter: PathBuf::from("node"), node_modules: Some(install_node_modules("ws", &sources())?) })
}

/// Installs what the lock file in `manifest_dir` pins; returns the folder of modules.
pub(super) fn install_node_modules(name: &str, manifest_dir: &Path) -> Result<PathBuf, String> {
    run(Command::new("node").arg("--version"))?;
    let manifests = ["package.json", "package-lock.json"].map(|name| manifest_dir.join(name));
    let pins = read(&manifests[0])? + &read(&manifests[1])?;
    let folder = install_once(name, &pins, |folder| {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for manifest in &manifests {
            let copy = folder.join(manifest.file_name().unwrap_or_default());
            fs::copy(manifest, &copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        }
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm").args(npm).current_dir(folder)).map(drop)
    })?;
    Ok(folder.join("node_modules"))
}

/// Runs `install` for the folder of these pins unless its stamp says that it is done; other processes wait meanwhile.
fn install_once(name: &str, pins: &str, install: impl Fn(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let cache = cache_dir()?;
    let folder = cache.join(format!("{name}-{:016x}", fnv1a(pins.as_bytes())));
    if folder.join(STAMP).exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let _lock = lock(&cache.join(format!("{name}.lock")))?;
    if folder.join(STAMP).exists() {
        return Ok(folder);
    }
    remove(&folder)?;
    install(&folder)?;
    fs::write(folder.join(STAMP), pins).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Held until the file is dropped, or its process ends.
fn lock(path: &Path) -> Result<File, String> {
    let told = |error| format!("{}: {error}", path.display());
    let file = File::create(path).map_err(told)?;
    file.lock().map_err(told)?;
    Ok(file)
}

fn remove(folder: &Path) -> Result<(), String> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What the command prints; if it fails, its name and the last line it had to say.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command.get_args().take(3).map(|word| word.to_string_lossy().into_owned()).collect();
    let name = format!("`{name} {}`", arguments.join(" "));
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output");
    Err(format!("{name} failed: {last}"))
}

/// FNV-1a: a stable name for a set of pins, nothing that must withstand anybody.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
