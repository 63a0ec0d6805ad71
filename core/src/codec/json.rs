//! A strict JSON reader for short messages (RFC 8259) that keeps every value as it was written.
//!
//! It builds no tree, casts no number, allocates nothing in the steady state, and does not recurse: nesting is counted and
//! ends at [`DEPTH_MAX`]. What it refuses is no error: it is simply no heartbeat.

use alloc::string::String;
use alloc::vec::Vec;

/// How deep values may nest.
pub const DEPTH_MAX: u32 = 128;
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
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
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
        self.inner().is_some_and(|inner| inner == text || (inner.contains('\\') && Unescaped(inner.chars()).eq(text.chars())))
    }

    /// What stands between the quotes of a string.
    fn inner(self) -> Option<&'t str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }
}

#[derive(Clone, Copy, Debug)]
struct Member {
    key: (usize, usize),
    value: (usize, usize),
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

fn key_says(key: &str, name: &str) -> bool {
    Raw(key).says(name)
}

fn same_key(a: &str, b: &str) -> bool {
    a == b || ((a.contains('\\') || b.contains('\\')) && Unescaped(a.chars()).eq(Unescaped(b.chars())))
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

/// Which containers are open, a bit each: 1 for an object.
#[derive(Default)]
struct Nesting {
    kinds: u128,
    depth: u32,
}

impl Nesting {
    fn push(&mut self, kind: u8) -> Option<()> {
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.kinds = self.kinds << 1 | u128::from(kind == b'{');
        self.depth += 1;
        Some(())
    }

    fn pop(&mut self) {
        self.kinds >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Whether the innermost container is an object; `None` where none is open.
    fn in_object(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.kinds & 1 == 1)
    }
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Scan { bytes: text.as_bytes(), at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads an object and shows each of its members; ends with `None` where `visit` does.
    fn object(&mut self, mut visit: impl FnMut(Member) -> Option<()>) -> Option<()> {
        self.space();
        self.expect(b'{')?;
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let key = self.key()?;
            let value = self.value()?;
            visit(Member { key, value })?;
            self.space();
            match self.take()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads an array up to its element `index`.
    fn element(&mut self, index: usize) -> Option<(usize, usize)> {
        self.expect(b'[')?;
        for _ in 0..index {
            self.value()?;
            self.space();
            self.expect(b',')?;
        }
        self.value()
    }

    /// Reads a key, quotes included, and the colon after it.
    fn key(&mut self) -> Option<(usize, usize)> {
        self.space();
        let from = self.at;
        self.string()?;
        let to = self.at;
        self.space();
        self.expect(b':')?;
        Some((from, to))
    }

    fn value(&mut self) -> Option<(usize, usize)> {
        self.space();
        let from = self.at;
        let mut open = Nesting::default();
        loop {
            self.opening(&mut open)?;
            if self.closing(&mut open)? {
                return Some((from, self.at));
            }
        }
    }

    /// Reads what begins here up to the end of the first scalar or empty container.
    fn opening(&mut self, open: &mut Nesting) -> Option<()> {
        loop {
            self.space();
            let first = self.peek()?;
            match first {
                b'{' | b'[' => self.at += 1,
                b'"' => return self.string(),
                b'-' | b'0'..=b'9' => return self.number(),
                _ => return self.literal(),
            }
            open.push(first)?;
            self.space();
            if self.peek()? == if first == b'{' { b'}' } else { b']' } {
                self.at += 1;
                open.pop();
                return Some(());
            }
            if first == b'{' {
                self.key()?;
            }
        }
    }

    /// After a value: reads the ends of containers. True where none is open any more, false where another value follows.
    fn closing(&mut self, open: &mut Nesting) -> Option<bool> {
        while let Some(in_object) = open.in_object() {
            self.space();
            match (self.take()?, in_object) {
                (b',', true) => return self.key().map(|_| false),
                (b',', false) => return Some(false),
                (b'}', true) | (b']', false) => open.pop(),
                _ => return None,
            }
        }
        Some(true)
    }

    fn string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            match self.take()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.take()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => (0..4).try_for_each(|_| self.take()?.is_ascii_hexdigit().then_some(())),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.take()? {
            b'0' => {}
            b'1'..=b'9' => self.more_digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        self.take()?.is_ascii_digit().then_some(())?;
        self.more_digits();
        Some(())
    }

    fn more_digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn literal(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let word = ["true", "false", "null"].into_iter().find(|w| rest.starts_with(w.as_bytes()))?;
        self.at += word.len();
        Some(())
    }
}
