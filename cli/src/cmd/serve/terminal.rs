//! The terminal that the command was started from.

use std::fs::File;

/// Whether there was one. A SIGHUP means that it is gone as well as that the settings are to be read again; only the
/// terminal itself can say which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    was_there: bool,
}

impl Terminal {
    /// The terminal now.
    pub(super) fn ours() -> Self {
        Terminal { was_there: is_there() }
    }

    /// Whether it was there and is not any more.
    pub(super) fn is_gone(self) -> bool {
        self.was_there && !is_there()
    }
}

/// The controlling terminal cannot be opened once it was hung up (tty(4)).
fn is_there() -> bool {
    File::open("/dev/tty").is_ok()
}
