//! `openledger jury`: questions that only somebody with the data can answer (`docs/spec/protocol.md`, "Jury").
//!
//! [`ask_row`] and [`ask_sketch`] ask, with a bond; [`question`] and [`open_questions`] read, [`Evidence`] is what a juror
//! computes again; [`vote`] is a juror's part, from the draw to its reveal, with its [`Votes`](crate::votes::Votes) on disk; [`finish`]
//! has the jury drawn and counted, and the verdict acted on, which is anyone's, and [`advance`] does so without waiting;
//! [`JuryWatcher`] votes by itself.

mod args;
mod ask;
mod command;
mod evidence;
mod finish;
mod opinion;
mod question;
mod round;
mod vote;
mod watch;

pub use args::JuryArgs;
pub use ask::{ask_row, ask_sketch};
pub use evidence::{CallEvidence, ContributionEvidence, Evidence, RowEvidence, SetEvidence};
pub use finish::{Finished, advance, finish};
pub use opinion::{BadVector, Vector};
pub use question::{Juror, Question, Stage, Subject, open_questions, question};
pub use vote::vote;
pub use watch::JuryWatcher;

pub(crate) use command::run;
