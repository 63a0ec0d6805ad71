//! The command, run for real: what it says, what it does, how it ends.

mod admin;
mod advise;
mod common;
mod connect;
mod connect_more;
mod docs;
mod examples;
mod exit_codes;
mod load;
mod pages;
mod ping;
mod proxy;
mod replay;
mod serve;
mod serve_listeners;
mod serve_reload;
mod serve_terminal;
mod simulate;
mod threats;
mod tls;
mod top;
