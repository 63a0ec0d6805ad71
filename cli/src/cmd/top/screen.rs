//! The terminal of the live view: drawn when something came, given back when it is left.

use std::io;
use std::sync::mpsc::channel;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};

use super::app::{App, Did};
use super::client::{Client, Query};
use super::feed::{self, Wanted};
use super::view::{self, Look};
use crate::exit::{Exit, Failure};

/// How long a key is waited for before news are looked at.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// Shows it until the person leaves.
///
/// # Errors
/// The terminal cannot be used.
pub(super) fn run(client: Client, query: Query, interval: Duration, is_coloured: bool) -> Result<Exit, Failure> {
    let mut app = App::new(client.url().to_owned(), query.clone());
    let wanted = Wanted::new(query);
    let (hurry, hurried) = channel();
    let (sender, news) = channel();
    feed::start(client, wanted.clone(), interval, hurried, sender);
    let look = if is_coloured { Look::Coloured } else { Look::Plain };
    let cannot = |error: io::Error| Failure::new(Exit::Negative, format_args!("the terminal cannot be used: {error}"));
    let mut terminal = ratatui::try_init().map_err(cannot)?;
    let left = (|| -> io::Result<()> {
        loop {
            news.try_iter().for_each(|one| app.take(one));
            terminal.draw(|frame| view::draw(frame, &app, look))?;
            if !event::poll(KEY_WAIT)? {
                continue;
            }
            let Event::Key(key) = event::read()? else { continue };
            match app.key(key) {
                Did::Nothing => {}
                Did::Left => return Ok(()),
                Did::Asked => {
                    wanted.set(app.query.clone());
                    // Who asks is gone only when all is.
                    let _ = hurry.send(());
                }
            }
        }
    })();
    ratatui::restore();
    left.map_err(cannot)?;
    Ok(Exit::Done)
}
