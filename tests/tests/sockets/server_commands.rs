//! What a handle asks for is done at once, whenever it comes: it waits for no socket and no deadline.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use wsbeat_core::dialect::Message;
use wsbeat_core::event::{ConnId, Verdict};
use wsbeat_tests::raw::Raw;
use wsbeat_tests::serving::config;
use wsbeat_tokio::server::{CloseReason, Context, Handler, Request, Server};

/// Asks in the midst of its callbacks, after it has taken longer than the driver looks away.
struct Late {
    opened: Sender<ConnId>,
    first: Option<ConnId>,
}

impl Late {
    fn ask(&self, ctx: &Context<'_>) {
        std::thread::sleep(Duration::from_millis(8));
        ctx.handle().send(self.first.unwrap(), Message::Text("at once")).unwrap();
    }
}

impl Handler for Late {
    fn open(&mut self, ctx: &mut Context<'_>, _: &Request<'_>) {
        self.first.get_or_insert(ctx.id());
        self.opened.send(ctx.id()).unwrap();
    }

    fn message(&mut self, ctx: &mut Context<'_>, _: Message<'_>) {
        self.ask(ctx);
    }

    fn verdict(&mut self, ctx: &mut Context<'_>, verdict: &Verdict, _: usize) {
        if verdict.code == Some(4001) {
            self.ask(ctx);
        }
    }
}

#[test]
fn what_is_asked_during_a_turn_waits_for_nothing_else_to_happen() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sender, opened) = channel();
    let server = runtime.block_on(Server::bind(config(), Late { opened: sender, first: None })).unwrap();
    let (address, handle) = (server.local_addrs()[0], server.handle());
    let running = std::thread::spawn(move || runtime.block_on(server.run()));
    let mut first = Raw::open(address);
    let others: Vec<Raw> = (0..2).map(|_| Raw::open(address)).collect();
    let ids: Vec<ConnId> = (0..3).map(|_| opened.recv().unwrap()).collect();
    let began = Instant::now();
    // While sockets are read: the look at them before time advances takes the wake-up.
    first.text("ask");
    assert_eq!(first.next_text(), "at once");
    // While commands are done that a turn has no time for all of: both are there before the first is begun.
    first.text("ask");
    handle.close(ids[1], CloseReason::new(4001, "").unwrap()).unwrap();
    handle.close(ids[2], CloseReason::normal()).unwrap();
    for _ in 0..2 {
        assert_eq!(first.next_text(), "at once");
    }
    // The first deadline is that of the handshakes, 5 s after they began.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    handle.shutdown();
    running.join().unwrap();
    drop(others);
}
