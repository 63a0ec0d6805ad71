//! The servers of one process, one for each listener: started, ended and accounted for together.

use std::sync::Arc;

use tokio::task::JoinSet;
use wsbeat_tokio::admin::{Listener as Shown, verdicts};
use wsbeat_tokio::server::{BindError, Ending, Handle, Numbering, Server, Summary};

use super::handler::Serving;
use super::limit::Limit;
use super::listener::Listener;
use super::live::Live;
use super::{admin, reload, status, supervisor};
use crate::config::ServeConfig;
use crate::exit::{Exit, Failure};
use crate::json::Object;
use crate::logging::{Level, Logger};
use crate::output::Out;
use crate::recording::{self, Recording};

/// All that run.
pub(super) struct Running {
    listeners: Vec<Listener>,
    ends: JoinSet<Summary>,
    recordings: Vec<Recording>,
    total: Total,
    limit: Arc<Limit>,
    /// How often the end was asked for.
    asked: u32,
    log: Logger,
}

/// What all of them did.
struct Total {
    opened: u64,
    dropped: u64,
    ending: Ending,
}

impl Running {
    /// Listens at all addresses, says so, and begins to serve.
    ///
    /// # Errors
    /// The first listener that cannot be.
    pub(super) async fn start(config: ServeConfig, out: &mut Out, log: &Logger) -> Result<Self, Failure> {
        let mut running = Running {
            listeners: Vec::new(),
            ends: JoinSet::new(),
            recordings: Vec::new(),
            total: Total { opened: 0, dropped: 0, ending: Ending::Drained },
            limit: Arc::new(Limit::new(config.log_lines_per_s)),
            asked: 0,
            log: log.clone(),
        };
        let are_several = config.listeners.len() > 1;
        let (verdicts, feed) = verdicts();
        let verdicts = config.admin.is_some().then_some(verdicts);
        let (mut servers, mut first) = (Vec::new(), 0);
        let step = config.listeners.iter().map(|listener| listener.server.workers).sum();
        for mut listener in config.listeners {
            let workers = listener.server.workers;
            // No number comes twice in the process, and each names its worker.
            listener.server.numbering = Some(Numbering { first, step });
            first += workers;
            let live = Arc::new(Live::new(&listener));
            let name = are_several.then(|| Arc::from(listener.name.as_str()));
            let mut serving = Serving::new(Arc::clone(&live), name.clone(), Arc::clone(&running.limit), log.clone());
            if let Some(verdicts) = &verdicts {
                serving = serving.telling(verdicts.clone(), &listener.name);
            }
            let mut server = Server::bind_each(listener.server.clone(), |_| serving.clone()).await.map_err(bind_failure)?;
            if let Some(path) = &listener.record {
                let (taps, writers) = recording::start_each(path, workers, log)?;
                server = server.record_each(taps);
                running.recordings.extend(writers);
            }
            let scheme = if listener.server.tls.is_some() { "wss" } else { "ws" };
            let urls: Vec<String> = server.local_addrs().iter().map(|address| format!("{scheme}://{address}")).collect();
            let shown = Shown::new(admin::info(&listener, urls.clone()), server.handle());
            running.listeners.push(Listener { config: listener, handle: server.handle(), live, shown });
            servers.push((server, urls, name));
        }
        let shown = running.listeners.iter().map(|listener| listener.shown.clone()).collect();
        let admin = config.admin.map(|config| admin::bind(config, shown, feed)).transpose()?;
        // All of them listen before one says so: a line on standard output means that the command is up.
        for (server, urls, name) in servers {
            for url in urls {
                running.say("listening", "listening on", &url, name.as_deref(), out);
            }
            running.ends.spawn(server.run());
        }
        if let Some(admin) = admin {
            running.say("admin", "admin on", &format!("http://{}", admin.local_addr()), None, out);
            tokio::spawn(admin.run());
        }
        supervisor::ready(log);
        tokio::spawn(supervisor::watchdog(running.handles().cloned().collect(), log.clone()));
        let shown = running.listeners.iter().map(|listener| (listener.handle.clone(), Arc::clone(&listener.live)));
        tokio::spawn(status::show(shown.collect(), log.clone()));
        Ok(running)
    }

    /// Puts another configuration into force, as far as it can be.
    pub(super) async fn reload(&mut self, wished: impl FnOnce() -> Result<ServeConfig, Failure>) {
        if self.asked > 0 {
            // What ends needs no other settings.
            return;
        }
        supervisor::reloading(&self.log);
        reload::apply(wished(), &mut self.listeners, &self.limit, &self.log).await;
        supervisor::ready(&self.log);
    }

    /// What has to be done once a second.
    pub(super) fn tick(&self) {
        self.limit.tell(&self.log);
    }

    fn say(&self, event: &str, words: &str, url: &str, name: Option<&str>, out: &mut Out) {
        let printed = out.line(|| format!("{words} {url}"), || Object::event(event).with("url", url).with_some("listener", name));
        // A server goes on whether or not somebody reads where it listens.
        if let Err(error) = printed {
            self.log.log(Level::Warn, &format!("standard output: {error}"), Object::default);
        }
    }

    /// Waits until one of them has ended; `false` when none is left.
    ///
    /// Where one ends that was not told to, the others are told to: half of what was asked for is not served in silence.
    pub(super) async fn next_end(&mut self) -> bool {
        let Some(ended) = self.ends.join_next().await else { return false };
        let failed = Summary { opened: 0, dropped: 0, ending: Ending::Failed };
        self.total.add(ended.unwrap_or(failed));
        if self.total.ending == Ending::Failed {
            self.handles().filter(|handle| !handle.is_draining()).for_each(Handle::drain);
        }
        true
    }

    /// The first time it drains all, unless they are draining; the second time it ends them at once.
    pub(super) fn end(&mut self) {
        self.asked += 1;
        let count: usize = self.handles().map(Handle::count).sum();
        let message = if self.asked > 1 { "ending now" } else { "draining" };
        self.log.log(Level::Info, &format!("{message}: {count} connections open"), || Object::default().with("open", count));
        supervisor::stopping(&self.log);
        for handle in self.handles() {
            if self.asked > 1 {
                handle.shutdown();
            } else {
                handle.start_drain();
            }
        }
    }

    fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.listeners.iter().map(|listener| &listener.handle)
    }

    /// Tells how all of them ended.
    pub(super) fn finish(self) -> Exit {
        self.recordings.into_iter().for_each(Recording::finish);
        self.limit.tell(&self.log);
        self.total.tell(&self.log)
    }
}

impl Total {
    /// The worst of the endings is that of all.
    fn add(&mut self, summary: Summary) {
        self.opened += summary.opened;
        self.dropped += summary.dropped;
        self.ending = self.ending.max(summary.ending);
    }

    fn tell(&self, log: &Logger) -> Exit {
        let Total { opened, dropped, ending } = *self;
        let facts = || Object::default().with("opened", opened).with("dropped", dropped);
        match ending {
            Ending::Drained => {
                log.log(Level::Info, &format!("drained: {opened} connections served"), facts);
                Exit::Done
            }
            Ending::TimeUp => {
                log.log(Level::Warn, &format!("drain time up: {dropped} connections dropped unfinished"), facts);
                Exit::Done
            }
            Ending::Shutdown => {
                log.log(Level::Warn, &format!("ended at once: {dropped} connections dropped"), facts);
                Exit::Negative
            }
            Ending::Failed => {
                log.log(Level::Error, "ended: the system no longer lets it watch its sockets", facts);
                Exit::Negative
            }
        }
    }
}

fn bind_failure(error: BindError) -> Failure {
    match error {
        BindError::Policy(_) | BindError::Limit { .. } => Failure::usage(error),
        other => Failure::new(Exit::Unreachable, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_ending_is_that_of_all() {
        let mut total = Total { opened: 0, dropped: 0, ending: Ending::Drained };
        for ending in [Ending::TimeUp, Ending::Shutdown, Ending::Drained] {
            total.add(Summary { opened: 2, dropped: 1, ending });
        }
        assert_eq!((total.opened, total.dropped, total.ending), (6, 3, Ending::Shutdown));
    }
}
