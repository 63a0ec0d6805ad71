//! The table of the machine in ARCHITECTURE.md is the machine. `WSBEAT_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use wsbeat_core::connection::Phase;
use wsbeat_core::connection::table::{Rule, rule};
use wsbeat_core::event::Input;
use wsbeat_tests::machine::{INPUTS, name};

const BEGIN: &str = "<!-- the machine: printed by tests/tests/rules/transition_table.rs -->\n";
const END: &str = "<!-- end -->";

fn cell(rule: Rule) -> String {
    if rule == Rule::Ignore { String::new() } else { format!("{rule:?}") }
}

fn printed() -> String {
    let mut table = String::from("| input |");
    Phase::ALL.iter().for_each(|phase| write!(table, " {phase:?} |").unwrap());
    table.push_str("\n|---|---|---|---|---|---|\n");
    for input in &INPUTS {
        write!(table, "| {} |", name(input)).unwrap();
        Phase::ALL.iter().for_each(|phase| write!(table, " {} |", cell(rule(*phase, input))).unwrap());
        table.push('\n');
    }
    table
}

#[test]
fn the_table_in_the_architecture_page_is_the_machine() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table's begin");
    let (table, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("WSBEAT_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", printed())).unwrap();
        return;
    }
    assert_eq!(table, printed(), "run WSBEAT_BLESS=1 cargo test -p wsbeat-tests --test rules transition_table");
}

#[test]
fn nothing_moves_what_has_ended_and_the_end_of_the_stream_ends_everything_else() {
    for input in &INPUTS {
        assert_eq!(rule(Phase::Ended, input), Rule::Ignore);
    }
    for phase in &Phase::ALL[..4] {
        assert_eq!(rule(*phase, &Input::Lost), Rule::End);
    }
}
