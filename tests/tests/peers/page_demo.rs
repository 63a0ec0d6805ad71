//! The demo page at the WebSocket address, in a real browser. What each case does stands in `tests/browser/demo.js`.

use wsbeat_tests::peers::browse;

#[test]
fn it_answers_until_it_is_stopped_and_says_why_it_was_closed() {
    browse("demo_answers_until_it_is_stopped_and_says_why_it_was_closed");
}

#[test]
fn it_knows_the_text_forms_and_says_what_it_does_not_know() {
    browse("demo_knows_the_text_forms_and_says_what_it_does_not_know");
}

#[test]
fn it_says_that_the_server_is_gone() {
    browse("demo_says_that_the_server_is_gone");
}

#[test]
fn it_works_over_tls() {
    browse("demo_works_over_tls");
}
