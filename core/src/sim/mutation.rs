//! Ways to break a hub, for tests of the judge.

/// How a hub is broken for a judge to notice.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mutation {
    /// Not at all.
    #[default]
    None,
    /// It does not hear pongs and answers.
    LosesAnswers,
    /// Its closes are not carried out.
    LosesCloses,
    /// It wakes at once, whatever is due.
    NeverSleeps,
}
