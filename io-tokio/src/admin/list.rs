//! A page of the list of connections: searched, sorted, and where the next one begins.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;

use super::api::{ConnectionsPage, Order, Sort, VERSION};
use super::listener::Listener;
use super::one::row;
use super::snapshot::Snapshot;
use crate::server::ConnectionLook;

/// How many connections a page has at most.
const LIMIT_MAX: u32 = 1_000;
/// The longest text that is searched for.
const SEARCH_BYTES_MAX: usize = 200;

/// What to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    limit: Option<u32>,
    cursor: Option<String>,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    q: String,
}

/// Where a connection stands in an order: no two stand at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    value: u128,
    tie: u64,
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (value, tie) = text.split_once('-').ok_or(())?;
        Ok(Place { value: u128::from_str_radix(value, 16).map_err(drop)?, tie: u64::from_str_radix(tie, 16).map_err(drop)? })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:x}", self.value, self.tie)
    }
}

/// The page of a snapshot that was asked for.
///
/// # Errors
/// What cannot be asked for, by field, value and limit.
pub(super) fn page(snapshot: &Snapshot, listeners: &[Listener], query: &Query) -> Result<ConnectionsPage, String> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(format!("limit = {limit}: 1 to {LIMIT_MAX}"));
    }
    if query.q.len() > SEARCH_BYTES_MAX {
        return Err(format!("q of {} bytes: at most {SEARCH_BYTES_MAX}", query.q.len()));
    }
    let after: Option<Place> = match &query.cursor {
        Some(cursor) => Some(cursor.parse().map_err(|()| format!("cursor = {cursor:?}: give what \"next\" gave"))?),
        None => None,
    };
    let mut search = Search::new(&query.q);
    let (mut total, mut matched, mut found) = (0, 0, Vec::new());
    for (listener, looks) in listeners.iter().zip(&snapshot.listeners) {
        total += looks.len() as u64;
        for look in looks.iter().filter(|look| search.finds(listener, look)) {
            matched += 1;
            let place = place(look, query);
            if after.is_none_or(|after| place > after) {
                found.push((place, listener, look));
            }
        }
    }
    let limit = limit as usize;
    let more = found.len() > limit;
    if more {
        found.select_nth_unstable_by_key(limit, |(place, ..)| *place);
        found.truncate(limit);
    }
    found.sort_unstable_by_key(|(place, ..)| *place);
    Ok(ConnectionsPage {
        v: VERSION,
        total,
        matched,
        taken_ms: snapshot.taken_ms,
        next: found.last().filter(|_| more).map(|(place, ..)| place.to_string()),
        connections: found.iter().map(|(_, listener, look)| row(listener.name(), look)).collect(),
    })
}

/// Where a connection stands; those that have no value stand last in either order.
fn place(look: &ConnectionLook, query: &Query) -> Place {
    let number = look.id.number();
    let (value, tie) = match query.sort {
        Sort::Id => (Some(u128::from(number)), number),
        Sort::Age => (Some(u128::from(look.age.as_nanos())), number),
        Sort::Rtt => (look.srtt().map(|srtt| srtt.as_nanos().into()), number),
        Sort::Unanswered => (Some(look.unanswered().into()), number),
        Sort::Queue => (Some(look.queued_bytes as u128), number),
        Sort::LastByte => (Some(look.last_byte.as_nanos().into()), number),
        // A number fits into 33 bits, a port into 16.
        Sort::Peer => (Some(bits(look.peer.ip())), u64::from(look.peer.port()) << 40 | number),
    };
    match (value, query.order) {
        (None, _) => Place { value: u128::MAX, tie },
        (Some(value), Order::Asc) => Place { value, tie },
        (Some(value), Order::Desc) => Place { value: u128::MAX - 1 - value, tie: u64::MAX - tie },
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        // Those of IPv4 come before those of IPv6.
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// A search for a text in what a connection is called.
struct Search {
    wanted: String,
    /// Where the text of a connection is written.
    text: String,
}

impl Search {
    fn new(wanted: &str) -> Self {
        Search { wanted: wanted.trim().to_ascii_lowercase(), text: String::new() }
    }

    fn finds(&mut self, listener: &Listener, look: &ConnectionLook) -> bool {
        if self.wanted.is_empty() {
            return true;
        }
        self.text.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{} {} {} {}", look.id.number(), look.peer, listener.name(), super::one::phase(look.phase));
        self.text.make_ascii_lowercase();
        self.text.contains(&self.wanted)
    }
}
