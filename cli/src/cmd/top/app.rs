//! What the live view shows, and what keys do to it.

use std::collections::VecDeque;
use std::time::Instant;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use wsbeat_tokio::admin::api::{ConnectionsPage, Sort, Summary, VerdictEvent};

use super::client::Query;
use super::feed::News;
use super::history::History;

/// How many verdicts are kept.
const VERDICTS_KEPT: usize = 100;
/// How far a page moves, in connections.
const PAGE: usize = 10;
/// The longest text that is searched for, in bytes.
const SEARCH_BYTES_MAX: usize = 100;

/// What a key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    /// Nothing, or what is seen at the next drawing.
    Nothing,
    /// Other connections are wanted.
    Asked,
    /// The person leaves.
    Left,
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct App {
    pub(super) url: String,
    pub(super) query: Query,
    pub(super) summary: Option<Box<Summary>>,
    pub(super) page: Option<ConnectionsPage>,
    pub(super) history: History,
    /// The latest last.
    pub(super) verdicts: VecDeque<VerdictEvent>,
    /// Why the server does not answer, and since when.
    pub(super) away: Option<(String, Instant)>,
    /// The first connection that is seen.
    pub(super) top: usize,
    /// The search that is being typed.
    pub(super) typed: Option<String>,
    pub(super) is_paused: bool,
}

impl App {
    pub(super) fn new(url: String, query: Query) -> Self {
        App {
            url,
            query,
            summary: None,
            page: None,
            history: History::default(),
            verdicts: VecDeque::new(),
            away: None,
            top: 0,
            typed: None,
            is_paused: false,
        }
    }

    /// Takes news of the server. A picture that is stopped keeps its connections and figures.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Figures(summary, page) => {
                self.away = None;
                self.history.push(&summary);
                if !self.is_paused {
                    (self.summary, self.page) = (Some(summary), Some(page));
                    self.stay_inside();
                }
            }
            News::Away(why) => {
                let since = self.away.take().map_or_else(Instant::now, |(_, since)| since);
                self.away = Some((why, since));
            }
            News::Begin => self.verdicts.clear(),
            News::Verdict(verdict) => {
                self.verdicts.push_back(verdict);
                if self.verdicts.len() > VERDICTS_KEPT {
                    self.verdicts.pop_front();
                }
            }
        }
    }

    fn stay_inside(&mut self) {
        let count = self.page.as_ref().map_or(0, |page| page.connections.len());
        self.top = self.top.min(count.saturating_sub(1));
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Did {
        if key.kind == KeyEventKind::Release {
            return Did::Nothing;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Did::Left;
        }
        if self.typed.is_some() { self.type_search(key.code) } else { self.command(key.code) }
    }

    fn command(&mut self, code: KeyCode) -> Did {
        match code {
            KeyCode::Char('q') => return Did::Left,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.typed = Some(self.query.search.clone()),
            KeyCode::Char('s') | KeyCode::Right => return self.sort_by(1),
            KeyCode::Char('S') | KeyCode::Left => return self.sort_by(Sort::ALL.len() - 1),
            KeyCode::Char('r') => {
                self.query.order = self.query.order.turned();
                return Did::Asked;
            }
            KeyCode::Esc if !self.query.search.is_empty() => return self.search(String::new()),
            KeyCode::Up | KeyCode::Char('k') => self.top = self.top.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.top += 1,
            KeyCode::PageUp => self.top = self.top.saturating_sub(PAGE),
            KeyCode::PageDown => self.top += PAGE,
            KeyCode::Home => self.top = 0,
            KeyCode::End => self.top = usize::MAX,
            _ => {}
        }
        self.stay_inside();
        Did::Nothing
    }

    fn sort_by(&mut self, further: usize) -> Did {
        let at = Sort::ALL.iter().position(|sort| *sort == self.query.sort).unwrap_or(0);
        self.query.sort = Sort::ALL[(at + further) % Sort::ALL.len()];
        Did::Asked
    }

    fn type_search(&mut self, code: KeyCode) -> Did {
        let Some(mut text) = self.typed.take() else { return Did::Nothing };
        match code {
            KeyCode::Enter => return self.search(text),
            KeyCode::Esc => return Did::Nothing,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(c) if text.len() + c.len_utf8() <= SEARCH_BYTES_MAX => text.push(c),
            _ => {}
        }
        self.typed = Some(text);
        Did::Nothing
    }

    fn search(&mut self, text: String) -> Did {
        self.query.search = text;
        self.top = 0;
        Did::Asked
    }
}

#[cfg(test)]
mod tests {
    use wsbeat_tokio::admin::api::Order;

    use super::*;

    fn app() -> App {
        let query = Query { sort: Sort::Id, order: Order::Asc, search: String::new(), limit: 100 };
        App::new("http://127.0.0.1:9888".into(), query)
    }

    fn press(app: &mut App, codes: &[KeyCode]) -> Did {
        codes.iter().map(|code| app.key(KeyEvent::from(*code))).last().unwrap()
    }

    #[test]
    fn keys_choose_the_order_and_come_round() {
        let mut app = app();
        assert_eq!(press(&mut app, &[KeyCode::Char('S')]), Did::Asked);
        assert_eq!(app.query.sort, Sort::Peer);
        press(&mut app, &[KeyCode::Char('s'), KeyCode::Right, KeyCode::Char('r')]);
        assert_eq!((app.query.sort, app.query.order), (Sort::Age, Order::Desc));
    }

    #[test]
    fn a_search_is_typed_taken_and_forgotten() {
        let mut app = app();
        let word = [KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('x'), KeyCode::Backspace];
        assert_eq!(press(&mut app, &word), Did::Nothing, "q is a letter while a search is typed");
        assert_eq!(press(&mut app, &[KeyCode::Enter]), Did::Asked);
        assert_eq!(app.query.search, "q");
        press(&mut app, &[KeyCode::Char('/'), KeyCode::Char('y'), KeyCode::Esc]);
        assert_eq!(app.query.search, "q", "what was not taken changes nothing");
        assert_eq!(press(&mut app, &[KeyCode::Esc]), Did::Asked);
        assert_eq!(app.query.search, "");
    }

    #[test]
    fn both_ways_to_leave_leave() {
        assert_eq!(press(&mut app(), &[KeyCode::Char('q')]), Did::Left);
        let mut typing = app();
        typing.typed = Some("a".into());
        assert_eq!(typing.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Did::Left);
    }

    #[test]
    fn a_server_that_is_away_stays_away_since_its_first_silence() {
        let mut app = app();
        app.take(News::Away("a".into()));
        let since = app.away.clone().unwrap().1;
        app.take(News::Away("b".into()));
        assert_eq!(app.away, Some(("b".into(), since)));
        press(&mut app, &[KeyCode::End, KeyCode::Down]);
        assert_eq!(app.top, 0, "there is nothing to move in");
    }
}
