//! What the command prints, word for word: help, usage errors, settings and dialects.

#[test]
fn what_is_printed_is_what_is_written_down() {
    trycmd::TestCases::new().env("COLUMNS", "100").env("NO_COLOR", "1").case("tests/cmd/*.trycmd");
}
