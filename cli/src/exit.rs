//! Exit codes, and the failures that lead to them.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// How the command ended. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// A negative result.
    Negative = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Could not bind or connect.
    Unreachable = 3,
    /// A heartbeat was lost: we gave the peer up, or the peer closed us for it.
    HeartbeatLost = 4,
    /// The peer closed, or broke the protocol otherwise.
    PeerClosed = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not go on: the exit code, and what to tell.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code to exit with.
    pub(crate) exit: Exit,
    /// What to say on standard error, one line each; nothing where there is nothing to say.
    pub(crate) messages: Vec<String>,
}

impl Failure {
    /// A failure of one line.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Failure { exit, messages: vec![message.to_string()] }
    }

    /// What was asked for cannot be.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Failure::new(Exit::Usage, message)
    }
}

/// Standard output could not be written. Whoever reads it may stop at any time: a broken pipe is a clean end.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure { exit: Exit::Done, messages: Vec::new() };
        }
        Failure::new(Exit::Negative, format_args!("standard output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_away_is_a_clean_end() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit, gone.messages.len()), (Exit::Done, 0));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((full.exit, full.messages.len()), (Exit::Negative, 1));
    }
}
