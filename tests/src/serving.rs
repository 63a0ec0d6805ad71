//! A server that runs beside a test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wsbeat_core::dialect::{Dialect, Message};
use wsbeat_core::event::{Verdict, VerdictKind};
use wsbeat_tokio::server::{CloseReason, Context, End, Handle, Handler, Request, Server, ServerConfig, Summary};

use crate::raw::PATIENCE;

/// What a server's handler saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A connection opened, with this target.
    Open(String),
    /// A verdict was given.
    Verdict(Verdict),
    /// A connection ended.
    Close(End),
    /// A pong came.
    Pong(Vec<u8>),
}

/// Echoes, obeys a few words, and tells what it sees.
#[derive(Debug)]
pub struct Echo {
    seen: mpsc::Sender<Seen>,
}

impl Handler for Echo {
    fn open(&mut self, _: &mut Context<'_>, request: &Request<'_>) {
        let _ = self.seen.send(Seen::Open(request.target.into()));
    }

    fn message(&mut self, ctx: &mut Context<'_>, message: Message<'_>) {
        match message {
            Message::Text("panic!") => panic!("as it was told"),
            Message::Text("sleep!") => std::thread::sleep(Duration::from_millis(300)),
            Message::Text("bye!") => {
                let _ = ctx.send(Message::Text("before"));
                ctx.close(&CloseReason::new(4001, "because").expect("may be sent"));
                ctx.close(&CloseReason::normal());
                assert!(ctx.send(Message::Text("after")).is_err());
            }
            Message::Text("all!") => {
                ctx.broadcast(Message::Text("to all"));
            }
            _ => {
                let _ = ctx.send(message);
            }
        }
    }

    fn pong(&mut self, _: &mut Context<'_>, payload: &[u8]) {
        let _ = self.seen.send(Seen::Pong(payload.into()));
    }

    fn verdict(&mut self, _: &mut Context<'_>, verdict: &Verdict, _: usize) {
        let _ = self.seen.send(Seen::Verdict(*verdict));
    }

    fn close(&mut self, _: &mut Context<'_>, end: &End) {
        let _ = self.seen.send(Seen::Close(end.clone()));
    }
}

/// A server in a thread of its own.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    /// All of its addresses.
    pub addresses: Vec<SocketAddr>,
    /// Its handle.
    pub handle: Handle,
    seen: mpsc::Receiver<Seen>,
    thread: Option<JoinHandle<Summary>>,
}

/// No dialect, a free port of loopback.
#[must_use]
pub fn config() -> ServerConfig {
    ServerConfig { listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], ..ServerConfig::default() }
}

/// As [`config`], with a dialect.
#[must_use]
pub fn config_in(dialect: &str) -> ServerConfig {
    ServerConfig { dialect: Some(Dialect::preset(dialect).expect("a preset").clone()), ..config() }
}

impl Serving {
    /// Starts an echo server.
    #[must_use]
    pub fn start(config: ServerConfig) -> Self {
        Serving::start_as(config, |server| server)
    }

    /// Starts an echo server that `prepare` has prepared.
    #[must_use]
    pub fn start_as(config: ServerConfig, prepare: impl FnOnce(Server<Echo>) -> Server<Echo> + Send + 'static) -> Self {
        let (sender, seen) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let echo = |_| Echo { seen: sender.clone() };
                let server = prepare(Server::bind_each(config, echo).await.expect("binds"));
                ready.send((server.local_addrs().to_vec(), server.handle())).expect("the test waits");
                server.run().await
            })
        });
        let (addresses, handle) = is_ready.recv().expect("the server starts");
        Serving { address: addresses[0], addresses, handle, seen, thread: Some(thread) }
    }

    /// The next thing the handler saw of those that `pick` picks.
    #[must_use]
    pub fn saw<T>(&self, mut pick: impl FnMut(Seen) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let seen = self.seen.recv_timeout(left).expect("the handler sees it in time");
            if let Some(picked) = pick(seen) {
                return picked;
            }
        }
    }

    /// The next verdict.
    #[must_use]
    pub fn verdict(&self) -> VerdictKind {
        self.saw(|seen| match seen {
            Seen::Verdict(verdict) => Some(verdict.kind),
            _ => None,
        })
    }

    /// The next end of a connection.
    #[must_use]
    pub fn end(&self) -> End {
        self.saw(|seen| match seen {
            Seen::Close(end) => Some(end),
            _ => None,
        })
    }

    /// Waits until `holds`.
    pub fn until(&self, what: &str, holds: impl Fn(&Handle) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.handle) {
            assert!(Instant::now() < end, "never: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for the end of the server.
    #[must_use]
    pub fn wait(mut self) -> Summary {
        let thread = self.thread.take().expect("runs");
        thread.join().expect("the server does not panic")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
