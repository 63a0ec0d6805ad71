//! Real peers: other implementations, exchanges' own clients, and a browser. Each says so and is skipped where it cannot be installed.

mod interop_client;
mod interop_exchanges;
mod interop_handler;
mod interop_peers;
mod interop_server_heartbeats;
mod interop_server_pings;
mod page_demo;
mod page_live;
