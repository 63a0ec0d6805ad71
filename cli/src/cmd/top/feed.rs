//! Two threads that ask: one for figures and connections again and again, one that listens for verdicts.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wsbeat_tokio::admin::api::{ConnectionsPage, Summary, VerdictEvent};

use super::client::{Client, Event, Query};
use crate::exit::Failure;

/// The pause before an address that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// News of the server.
#[derive(Debug)]
pub(super) enum News {
    /// The figures and connections of now.
    Figures(Box<Summary>, ConnectionsPage),
    /// It does not answer, and why.
    Away(String),
    /// The stream of verdicts begins: the latest come again.
    Begin,
    /// A verdict.
    Verdict(VerdictEvent),
}

/// What is asked for, shared with who may change it.
#[derive(Clone, Debug)]
pub(super) struct Wanted(Arc<Mutex<Query>>);

impl Wanted {
    pub(super) fn new(query: Query) -> Self {
        Wanted(Arc::new(Mutex::new(query)))
    }

    pub(super) fn get(&self) -> Query {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, query: Query) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = query;
    }
}

/// Begins to ask. A message at `hurry` asks at once.
pub(super) fn start(client: Client, wanted: Wanted, interval: Duration, hurry: Receiver<()>, news: Sender<News>) {
    let (listening, told) = (client.clone(), news.clone());
    thread::spawn(move || listen(&listening, &told));
    thread::spawn(move || ask(&client, &wanted, interval, &hurry, &news));
}

fn ask(client: &Client, wanted: &Wanted, interval: Duration, hurry: &Receiver<()>, news: &Sender<News>) {
    loop {
        let answer = client.summary().and_then(|summary| Ok((summary, client.connections(&wanted.get())?)));
        let told = match answer {
            Ok((summary, page)) => News::Figures(Box::new(summary), page),
            Err(failure) => News::Away(reason(&failure)),
        };
        if news.send(told).is_err() {
            return;
        }
        if hurry.recv_timeout(interval) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Summaries come every second: a stream that is silent for longer than a read may take has lost its server.
fn listen(client: &Client, news: &Sender<News>) {
    loop {
        if news.send(News::Begin).is_err() {
            return;
        }
        // Why it does not answer is told by who asks for figures.
        let _ = client.events(|event| match event {
            Event::Verdict(verdict) => news.send(News::Verdict(verdict)).is_ok(),
            Event::Summary(_) => true,
        });
        thread::sleep(PAUSE);
    }
}

fn reason(failure: &Failure) -> String {
    failure.messages.join(", ")
}
