//! The live page at the admin address, in a real browser. What each case does stands in `tests/browser/live*.js`.

use wsbeat_tests::peers::browse;

#[test]
fn it_shows_what_the_api_says() {
    browse("live_shows_what_the_api_says");
}

#[test]
fn it_tells_the_verdict_on_a_mute_client() {
    browse("live_tells_the_verdict_on_a_mute_client");
}

#[test]
fn it_looks_into_a_connection_and_closes_it() {
    browse("live_looks_into_a_connection_and_closes_it");
}

#[test]
fn it_drains_after_asking() {
    browse("live_drains_after_asking");
}

#[test]
fn it_says_that_the_server_is_lost_and_comes_back_by_itself() {
    browse("live_says_that_the_server_is_lost_and_comes_back_by_itself");
}

#[test]
fn it_asks_for_the_token_once() {
    browse("live_asks_for_the_token_once");
}

#[test]
fn it_is_worked_by_keyboard() {
    browse("live_is_worked_by_keyboard");
}

#[test]
fn it_reaches_everything_by_tab() {
    browse("live_reaches_everything_by_tab");
}

#[test]
fn it_pages_through_many_connections() {
    browse("live_pages_through_many_connections");
}

#[test]
fn it_has_nothing_that_axe_finds() {
    browse("live_has_nothing_that_axe_finds");
}

#[test]
fn it_follows_the_wishes_for_colour_and_motion() {
    browse("live_follows_the_wishes_for_colour_and_motion");
}
