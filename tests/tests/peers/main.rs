//! Real peers: other implementations, exchanges' own clients, and a browser. Each says so and is skipped where it cannot be installed.

mod beside_documents;
mod beside_others;
mod beside_tornado;
mod interop_client;
mod interop_exchanges;
mod interop_handler;
mod interop_peers;
mod interop_server_heartbeats;
mod interop_server_pings;
mod page_demo;
mod page_live;
