//! A strict JSON reader for short messages (RFC 8259) that keeps every value as it was written.
//!
//! It builds no tree, casts no number, allocates nothing in the steady state, and does not recurse: nesting is counted and
//! ends at [`DEPTH_MAX`]. What it refuses is no error: it is simply no heartbeat.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

pub use super::scan::DEPTH_MAX;
use super::scan::{Member, Scan};

/// How many members the outermost object may have.
pub const MEMBERS_MAX: usize = 64;

/// One JSON value as it was written, without space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'t>(&'t str);

impl<'t> Raw<'t> {
    /// The text.
    #[must_use]
    pub const fn text(self) -> &'t str {
        self.0
    }

    /// Whether it is a string.
    #[must_use]
    pub fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether it is an integer as written: digits, perhaps a minus, no fraction, no exponent, of any size.
    #[must_use]
    pub fn is_integer(self) -> bool {
        // A value of valid JSON is never empty, and never a minus alone.
        self.0.strip_prefix('-').unwrap_or(self.0).bytes().all(|b| b.is_ascii_digit())
    }

    /// The number that its digits spell, be it an integer or a string of digits: no sign, no leading zero, within u64.
    #[must_use]
    pub fn digits(self) -> Option<u64> {
        let text = self.inner().unwrap_or(self.0);
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        if plain { text.parse().ok() } else { None }
    }

    /// Whether it is a string that says `text`, escapes resolved.
    #[must_use]
    pub fn says(self, text: &str) -> bool {
        // An escape is longer than what it stands for.
        self.inner().is_some_and(|inner| match inner.len().cmp(&text.len()) {
            Ordering::Less => false,
            Ordering::Equal => inner == text && !inner.contains('\\'),
            Ordering::Greater => inner.contains('\\') && Unescaped(inner.chars()).eq(text.chars()),
        })
    }

    /// What stands between the quotes of a string.
    fn inner(self) -> Option<&'t str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }
}

/// Where the members of an object stand; one buffer for many messages.
#[derive(Debug, Default)]
pub struct Members {
    list: Vec<Member>,
}

impl Members {
    /// Reads `text`; `None` unless it is one JSON object, at most [`MEMBERS_MAX`] members, no key twice, nothing around it
    /// but space, nested at most [`DEPTH_MAX`] deep.
    pub fn parse<'m, 't>(&'m mut self, text: &'t str) -> Option<Object<'m, 't>> {
        self.list.clear();
        let mut scan = Scan::new(text);
        let list = &mut self.list;
        scan.object(|member| {
            let twice = list.iter().any(|m| same_key(slice(text, m.key), slice(text, member.key)));
            if twice || list.len() == MEMBERS_MAX {
                return None;
            }
            list.push(member);
            Some(())
        })?;
        scan.space();
        (scan.at == text.len()).then_some(Object { text, members: &self.list })
    }

    /// The object that the last [`Members::parse`] read, where `text` is what it read.
    pub(crate) fn again<'m, 't>(&'m self, text: &'t str) -> Object<'m, 't> {
        Object { text, members: &self.list }
    }
}

/// A JSON object, read by [`Members::parse`].
#[derive(Clone, Copy, Debug)]
pub struct Object<'m, 't> {
    text: &'t str,
    members: &'m [Member],
}

impl<'t> Object<'_, 't> {
    /// The value at a pointer (RFC 6901), given as its unescaped segments; `None` where there is none, or where a key on
    /// the way stands twice.
    #[must_use]
    pub fn get(&self, pointer: &[String]) -> Option<Raw<'t>> {
        let (first, rest) = pointer.split_first()?;
        let member = self.members.iter().find(|m| key_says(slice(self.text, m.key), first))?;
        rest.iter().try_fold(Raw(slice(self.text, member.value)), |value, segment| child(value, segment))
    }
}

/// The member or element of `value` that `segment` names.
fn child<'t>(value: Raw<'t>, segment: &str) -> Option<Raw<'t>> {
    let text = value.text();
    let mut scan = Scan::new(text);
    if text.starts_with('[') {
        return scan.element(segment.parse().ok()?).map(|at| Raw(slice(text, at)));
    }
    let mut found = None;
    scan.object(|m| {
        if !key_says(slice(text, m.key), segment) {
            return Some(());
        }
        let first = found.is_none();
        found = Some(m.value);
        first.then_some(())
    })?;
    found.map(|at| Raw(slice(text, at)))
}

fn slice(text: &str, (from, to): (usize, usize)) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// Equality of short texts: a call of `memcmp` costs more than the few bytes of a key.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b)
}

fn key_says(key: &str, name: &str) -> bool {
    Raw(key).says(name)
}

fn same_key(a: &str, b: &str) -> bool {
    same(a, b) || ((a.contains('\\') || b.contains('\\')) && Unescaped(a.chars()).eq(Unescaped(b.chars())))
}

/// The characters of a valid JSON string, escapes resolved; a lone surrogate becomes U+FFFD.
#[derive(Clone)]
struct Unescaped<'t>(core::str::Chars<'t>);

impl Unescaped<'_> {
    fn unit(&mut self) -> u32 {
        (0..4).fold(0, |sum, _| sum * 16 + self.0.next().and_then(|c| c.to_digit(16)).unwrap_or(0))
    }

    fn unicode(&mut self) -> char {
        let high = self.unit();
        let mut ahead = self.clone();
        if (0xd800..0xdc00).contains(&high) && ahead.0.next() == Some('\\') && ahead.0.next() == Some('u') {
            let low = ahead.unit();
            if (0xdc00..0xe000).contains(&low) {
                *self = ahead;
                return char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
        }
        char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => Some(match self.0.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.unicode(),
                other => other,
            }),
            other => Some(other),
        }
    }
}
