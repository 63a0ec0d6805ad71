//! What a supervisor is told (systemd's `Type=notify-reload`, sd_notify(3)). Without `NOTIFY_SOCKET` nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use wsbeat_tokio::server::Handle;

use crate::json::Object;
use crate::logging::{Level, Logger};

/// All listeners accept.
pub(super) fn ready(log: &Logger) {
    tell(&[NotifyState::Ready], log);
}

/// The configuration is read again; [`ready`] says that this is done.
pub(super) fn reloading(log: &Logger) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now], log),
        Err(error) => cannot(&error, log),
    }
}

/// The end has begun.
pub(super) fn stopping(log: &Logger) {
    tell(&[NotifyState::Stopping], log);
}

/// Feeds the watchdog where the supervisor keeps one, for as long as every driver turns: each has to answer a question
/// within the watchdog's time, or nothing is said and the supervisor ends us.
pub(super) async fn watchdog(handles: Vec<Handle>, log: Logger) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut tick = tokio::time::interval(limit / 3);
    loop {
        tick.tick().await;
        if all_turn(&handles, limit / 3).await {
            tell(&[NotifyState::Watchdog], &log);
        } else {
            log.log(Level::Error, "a driver does not turn: the watchdog is not fed", Object::default);
        }
    }
}

/// Whether every driver answers in this time. One that has ended is not asked: an ordered end takes its time.
async fn all_turn(handles: &[Handle], within: Duration) -> bool {
    let answers = async {
        for handle in handles {
            // A full queue is no answer either: it is the driver that empties it.
            if handle.heartbeat_stats().await.is_err() && !handle.is_draining() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(within, answers).await.unwrap_or(false)
}

fn tell(state: &[NotifyState<'_>], log: &Logger) {
    if let Err(error) = sd_notify::notify(state) {
        cannot(&error, log);
    }
}

fn cannot(error: &std::io::Error, log: &Logger) {
    log.log(Level::Warn, &format!("the supervisor cannot be told: {error}"), Object::default);
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use wsbeat_core::dialect::Message;
    use wsbeat_tokio::server::{Context, Handler, Server, ServerConfig};

    use super::*;

    /// Holds its driver up, from the first message until it is let go.
    struct Stuck(Receiver<()>);

    impl Handler for Stuck {
        fn message(&mut self, _: &mut Context<'_>, _: Message<'_>) {
            let _ = self.0.recv();
        }
    }

    #[tokio::test]
    async fn the_watchdog_is_not_fed_while_one_driver_of_several_hangs() {
        const WITHIN: Duration = Duration::from_millis(300);
        let (let_go, held) = channel();
        let config = || ServerConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], ..ServerConfig::default() };
        let stuck = Server::bind(config(), Stuck(held)).await.unwrap();
        let turning = Server::bind(config(), Stuck(channel().1)).await.unwrap();
        let (address, handles) = (stuck.local_addrs()[0], vec![turning.handle(), stuck.handle()]);
        tokio::spawn(stuck.run());
        tokio::spawn(turning.run());
        assert!(all_turn(&handles, WITHIN).await);

        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        assert!(stream.read(&mut [0; 1_024]).unwrap() > 0);
        // A text of one letter, masked with zeros.
        stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'a']).unwrap();
        let mut fed = true;
        for _ in 0..20 {
            fed = all_turn(&handles, WITHIN).await;
            if !fed {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!fed, "a driver that hangs feeds nothing");
        drop(let_go);
        assert!(all_turn(&handles, Duration::from_secs(20)).await, "and is fed again when it turns");
        handles.iter().for_each(Handle::shutdown);
    }
}
