//! The threads of a server, and its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::mpsc;

use super::driver::Driver;
use super::handle::Handle;
use super::handler::Handler;
use super::{Ending, Summary};

/// Ends a server whose run is dropped.
struct EndWithMe(Handle);

impl Drop for EndWithMe {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

const FAILED: Summary = Summary { opened: 0, dropped: 0, ending: Ending::Failed };

/// Runs every driver on a thread of its own until all have ended. Where one fails the others end too.
pub(super) async fn run<H: Handler>(drivers: Vec<Driver<H>>, handle: Handle) -> Summary {
    let end_with_me = EndWithMe(handle);
    let (done, mut ended) = mpsc::unbounded_channel();
    for (place, driver) in drivers.into_iter().enumerate() {
        if let Err(error) = start(place, driver, done.clone()) {
            tracing::error!(target: "wsbeat", %error, "no thread for a driver");
            // Whoever ran the server may have gone.
            let _ = done.send(FAILED);
        }
    }
    drop(done);
    let mut sum = Summary { opened: 0, dropped: 0, ending: Ending::Drained };
    while let Some(Summary { opened, dropped, ending }) = ended.recv().await {
        if ending == Ending::Failed {
            end_with_me.0.shutdown();
        }
        sum = Summary { opened: sum.opened + opened, dropped: sum.dropped + dropped, ending: sum.ending.max(ending) };
    }
    sum
}

fn start<H: Handler>(place: usize, driver: Driver<H>, done: mpsc::UnboundedSender<Summary>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let name = if place == 0 { "wsbeat".to_owned() } else { format!("wsbeat-{place}") };
    std::thread::Builder::new().name(name).spawn(move || {
        let _context = runtime.enter();
        let summary = catch_unwind(AssertUnwindSafe(|| driver.run())).unwrap_or(FAILED);
        let _ = done.send(summary);
    })?;
    Ok(())
}
