//! The grammar of JSON, without recursion: where values begin and end.

/// How deep values may nest.
pub const DEPTH_MAX: u32 = 128;

/// Where a key, quotes included, and its value stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) key: (usize, usize),
    pub(super) value: (usize, usize),
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

/// A place in a text that is being read.
pub(super) struct Scan<'t> {
    bytes: &'t [u8],
    pub(super) at: usize,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
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

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads an object and shows each of its members; ends with `None` where `visit` does.
    pub(super) fn object(&mut self, mut visit: impl FnMut(Member) -> Option<()>) -> Option<()> {
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
    pub(super) fn element(&mut self, index: usize) -> Option<(usize, usize)> {
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
