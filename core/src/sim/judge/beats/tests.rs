//! Heartbeats as the judge sees them, case by case.

use super::*;

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn ask(change: impl FnOnce(&mut Ask)) -> Ask {
    let mut ask = Ask::every(Span::from_secs(5), Death::MissesBefore(2));
    change(&mut ask);
    ask
}

fn plain() -> Ask {
    ask(|_| {})
}

/// Heartbeats 1 to `count`, 5 s apart, each written at once.
fn beaten(ask: &Ask, count: u64) -> BeatWatch {
    let mut watch = BeatWatch::opened(at(0));
    for n in 1..=count {
        assert_eq!(watch.sent(ask, Token(n), at(5 * n), Span::ZERO, false), None);
        watch.flushed(ask, Token(n), at(5 * n));
    }
    watch
}

#[test]
fn a_heartbeat_waits_until_the_last_was_written_and_its_token_is_greater() {
    let mut watch = BeatWatch::opened(at(0));
    assert_eq!(watch.sent(&plain(), Token(7), at(5), Span::ZERO, false), None);
    // News of another heartbeat writes nothing.
    watch.flushed(&plain(), Token(6), at(6));
    let told = watch.sent(&plain(), Token(8), at(10), Span::ZERO, false);
    assert_eq!(told, Some("a heartbeat is queued while one is unwritten"));
    for token in [1, 0] {
        assert_eq!(beaten(&plain(), 1).sent(&plain(), Token(token), at(10), Span::ZERO, false), Some("tokens do not increase"));
    }
}

#[test]
fn law_7_as_many_as_may_be_stand_unanswered_and_no_more() {
    let law = "law 7: a heartbeat is sent although as many as may be are unanswered";
    assert_eq!(beaten(&plain(), 2).sent(&plain(), Token(3), at(15), Span::ZERO, false), Some(law));
    // The one after a stall does not count.
    assert_eq!(beaten(&plain(), 2).sent(&plain(), Token(3), at(15), Span::ZERO, true), None);
    let blog = ask(|a| a.death = Death::MissesAfter(2));
    assert_eq!(beaten(&blog, 2).sent(&blog, Token(3), at(15), Span::ZERO, false), None);
}

#[test]
fn an_answer_of_any_token_is_life_only_where_any_answers() {
    let unanswered = |ask: &Ask, token| {
        let mut watch = beaten(ask, 2);
        watch.answer(ask, Token(token), at(11));
        watch.unanswered
    };
    assert_eq!(unanswered(&plain(), 9), 2);
    assert_eq!(unanswered(&plain(), 1), 1);
    assert_eq!(unanswered(&ask(|a| a.answers = Answers::Any), 9), 0);
    assert_eq!(unanswered(&ask(|a| a.matching = Matching::Any), 9), 0);
}

#[test]
fn a_peer_is_given_up_as_its_policy_says() {
    let given_up = |ask: &Ask, count, secs| beaten(ask, count).may_be_given_up(ask, at(secs));
    assert_eq!((given_up(&plain(), 1, 99), given_up(&plain(), 2, 14), given_up(&plain(), 2, 15)), (false, false, true));
    let blog = ask(|a| (a.death, a.counts) = (Death::MissesAfter(2), Counts::Queued));
    assert_eq!((given_up(&blog, 1, 99), given_up(&blog, 2, 10)), (false, true));
    let timed = ask(|a| a.death = Death::Timeout(Span::from_secs(9)));
    assert_eq!((given_up(&timed, 0, 99), given_up(&timed, 1, 13), given_up(&timed, 1, 14)), (false, false, true));
    assert!(!given_up(&ask(|a| a.death = Death::Never), 9, 999));
    let mut unwritten = beaten(&plain(), 1);
    assert_eq!(unwritten.sent(&plain(), Token(2), at(10), Span::ZERO, false), None);
    assert!(!unwritten.may_be_given_up(&plain(), at(99)), "its clock does not run before it was written");
}

#[test]
fn the_last_words_of_the_blog_count_no_more_than_those_before() {
    let blog = ask(|a| (a.death, a.counts) = (Death::MissesAfter(2), Counts::Queued));
    assert_eq!((beaten(&blog, 2).unanswered, beaten(&blog, 3).unanswered), (2, 2));
    assert!(!beaten(&blog, 1).is_stuck(&blog, at(999)), "what counts from its queueing has no clock of its writing");
}

#[test]
fn only_beats_on_a_grid_from_the_opening_have_an_end_that_is_known() {
    let ends_by = |ask: &Ask| BeatWatch::opened(at(0)).silent_by(ask);
    assert_eq!(ends_by(&plain()), at(15));
    for loose in [
        ask(|a| a.timing = Timing::AfterIdle),
        ask(|a| a.start = Start::Ready),
        ask(|a| a.counts = Counts::Queued),
        ask(|a| a.death = Death::Never),
        ask(|a| a.death = Death::Timeout(Span::from_secs(9))),
    ] {
        assert_eq!(ends_by(&loose), Instant::NEVER, "{loose:?}");
    }
    let timed = ask(|a| a.death = Death::Timeout(Span::from_secs(9)));
    assert_eq!(beaten(&timed, 1).silent_by(&timed), at(14));
    let mut unwritten = BeatWatch::opened(at(0));
    assert_eq!(unwritten.sent(&plain(), Token(1), at(5), Span::ZERO, false), None);
    assert_eq!(
        (unwritten.stuck_by(&plain()), unwritten.is_stuck(&plain(), at(14)), unwritten.is_stuck(&plain(), at(15))),
        (at(15), false, true)
    );
}

#[test]
fn an_answer_that_comes_before_the_news_of_the_writing_counts_whether_it_bears_a_token_or_not() {
    let any = ask(|a| (a.matching, a.death) = (Matching::Any, Death::MissesBefore(1)));
    for (token, next) in [(1, None), (0, Some("a heartbeat is queued while one is unwritten"))] {
        let mut watch = BeatWatch::opened(at(0));
        assert_eq!(watch.sent(&any, Token(1), at(5), Span::ZERO, false), None);
        watch.answer(&any, Token(token), at(6));
        assert_eq!(watch.unanswered, 0);
        // Without a token it may have been another's: that it is written is told by the news alone.
        assert_eq!(watch.sent(&any, Token(2), at(10), Span::ZERO, false), next);
    }
    let own = ask(|a| a.answers = Answers::Any);
    let mut watch = BeatWatch::opened(at(0));
    assert_eq!(watch.sent(&own, Token(1), at(5), Span::ZERO, false), None);
    watch.answer(&own, Token(9), at(6));
    assert_eq!(watch.unanswered, 1, "where answers have tokens, another's is not this one's");
}

/// Found by a storm over every dialect.
#[test]
fn while_input_lies_unread_the_blog_goes_on_and_its_oldest_heartbeat_is_the_second_newest() {
    let blog = ask(|a| (a.death, a.counts) = (Death::MissesAfter(2), Counts::Queued));
    let mut watch = beaten(&blog, 2);
    watch.lies_unread();
    assert_eq!(watch.sent(&blog, Token(3), at(15), Span::ZERO, false), None);
    assert_eq!((watch.unanswered, watch.tokens[1], watch.sent[1]), (2, 2, at(10)));
    watch.is_read(&blog, at(16), Span::from_secs(1));
    assert_eq!(watch.sent(&blog, Token(4), at(20), Span::ZERO, false), None);
    assert_eq!((watch.unanswered, watch.tokens[1]), (2, 2), "its last words");
}
