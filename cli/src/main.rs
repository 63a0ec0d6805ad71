//! The wsbeat command.

fn main() {}
