//! The model that a worker runs.

use crate::{
    infer::{
        calls::{SKETCHES_MAX, check_sketches},
        message::OUTPUT_BYTES_MAX,
    },
    shell::{Shell, ShellError},
};
use alloy_primitives::Bytes;
use serde::{Deserialize, Serialize};
use std::{future::Future, io, time::Duration};

/// Longest answer of a model's command, bytes: the longest output with every byte escaped, all sketches, and the rest.
const STDOUT_BYTES_MAX: usize = 6 * OUTPUT_BYTES_MAX + SKETCHES_MAX * 2_100 + 4_096;

/// What a model makes of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelAnswer {
    /// The output.
    pub output: String,
    /// Tokens of the prompt.
    pub tokens_in: u32,
    /// Tokens of the output.
    pub tokens_out: u32,
    /// One sketch for each of the adapter's train entries that has a sketch set of kind 0, in their order: int8 entries, a byte each.
    #[serde(default)]
    pub sketches: Vec<Bytes>,
}

/// What a model is to serve.
#[derive(Debug, Clone)]
pub struct Task {
    /// The adapter.
    pub adapter: u64,
    /// The prompt.
    pub prompt: String,
    /// Most tokens of the output.
    pub tokens_out_max: u32,
}

/// Why a model gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The command can't be run.
    #[error("its command can't be run: {0}")]
    Io(#[source] io::Error),
    /// It takes too long.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// It ended badly.
    #[error("its command ended with {status}")]
    Status {
        /// The exit status.
        status: std::process::ExitStatus,
        /// The end of what it said on standard error.
        stderr: String,
    },
    /// It answered too much.
    #[error("more than {max} bytes of {what}")]
    TooLong {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Its answer has another form.
    #[error("its answer isn't what it should be: {0}")]
    Malformed(#[source] serde_json::Error),
    /// More tokens than it may make.
    #[error("{given} tokens of output, and {max} were allowed")]
    TokensOut {
        /// What it made.
        given: u32,
        /// What it may make.
        max: u32,
    },
    /// More tokens than the prompt can have.
    #[error("{given} tokens in a prompt that can't have more than {max}")]
    TokensIn {
        /// What it counts.
        given: u32,
        /// The limit.
        max: usize,
    },
    /// Sketches of other dimensions than the adapter's sets.
    #[error(
        "sketches of {given:?} entries (none may be -128), and the adapter's sets have {expected:?}"
    )]
    Sketches {
        /// Their lengths.
        given: Vec<usize>,
        /// The sets' dimensions.
        expected: Vec<usize>,
    },
}

/// A model with an adapter.
pub trait Model: Send + Sync + 'static {
    /// Answers a prompt.
    ///
    /// # Errors
    /// If it gives nothing, or not in time.
    fn run(&self, task: Task) -> impl Future<Output = Result<ModelAnswer, ModelError>> + Send;
}

/// Whether an answer is one to a task, with sketches of these dimensions. `tokens_in_max` is the most that the prompt can have.
///
/// # Errors
/// What is wrong with it.
pub fn check_answer(
    answer: &ModelAnswer,
    task: &Task,
    tokens_in_max: usize,
    dims: &[usize],
) -> Result<(), ModelError> {
    if answer.output.len() > OUTPUT_BYTES_MAX {
        return Err(ModelError::TooLong {
            what: "output",
            max: OUTPUT_BYTES_MAX,
        });
    }
    if answer.tokens_out > task.tokens_out_max {
        return Err(ModelError::TokensOut {
            given: answer.tokens_out,
            max: task.tokens_out_max,
        });
    }
    if usize::try_from(answer.tokens_in).is_ok_and(|tokens| tokens > tokens_in_max) {
        return Err(ModelError::TokensIn {
            given: answer.tokens_in,
            max: tokens_in_max,
        });
    }
    let lengths = answer.sketches.iter().map(|sketch| sketch.len());
    if !lengths.clone().eq(dims.iter().copied()) || check_sketches(&answer.sketches).is_err() {
        return Err(ModelError::Sketches {
            given: lengths.collect(),
            expected: dims.to_vec(),
        });
    }
    Ok(())
}

/// A command that is run for each call: the prompt comes on its standard input, and it writes a [`ModelAnswer`] as JSON.
#[derive(Debug, Clone)]
pub struct CommandModel(Shell);

impl CommandModel {
    /// A command for `sh`, and the longest that it may take.
    pub const fn new(command: String, time_max: Duration) -> Self {
        Self(Shell::new(command, time_max))
    }
}

impl Model for CommandModel {
    async fn run(&self, task: Task) -> Result<ModelAnswer, ModelError> {
        let environment = [
            ("OPENLEDGER_ADAPTER", task.adapter.to_string()),
            ("OPENLEDGER_TOKENS_OUT_MAX", task.tokens_out_max.to_string()),
        ];
        let answer = self
            .0
            .run(&environment, task.prompt.as_bytes(), STDOUT_BYTES_MAX)
            .await?;
        serde_json::from_slice(&answer).map_err(ModelError::Malformed)
    }
}

impl From<ShellError> for ModelError {
    fn from(error: ShellError) -> Self {
        match error {
            ShellError::Io(source) => Self::Io(source),
            ShellError::Timeout { seconds } => Self::Timeout { seconds },
            ShellError::Status { status, stderr } => Self::Status { status, stderr },
            ShellError::TooLong { max } => Self::TooLong {
                what: "its answer",
                max,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(prompt: &str) -> Task {
        Task {
            adapter: 7,
            prompt: prompt.to_owned(),
            tokens_out_max: 5,
        }
    }

    async fn run(command: &str, prompt: &str, seconds: u64) -> Result<ModelAnswer, ModelError> {
        let model = CommandModel::new(command.to_owned(), Duration::from_secs(seconds));
        model.run(task(prompt)).await
    }

    #[tokio::test]
    async fn a_command_gets_the_prompt_and_gives_an_answer() {
        let command = r#"printf '{"output":"%s for %s","tokensIn":1,"tokensOut":%s,"sketches":["0x0102"]}' \
            "$(cat)" "$OPENLEDGER_ADAPTER" "$OPENLEDGER_TOKENS_OUT_MAX""#;
        let answer = run(command, "hello", 60).await.unwrap();
        let expected = ModelAnswer {
            output: "hello for 7".to_owned(),
            tokens_in: 1,
            tokens_out: 5,
            sketches: vec![Bytes::from(vec![1, 2])],
        };
        assert_eq!(answer, expected);
        // One that doesn't read a prompt that no pipe holds.
        let prompt = "x".repeat(1 << 18);
        let command = r#"echo '{"output":"","tokensIn":0,"tokensOut":0}'"#;
        assert_eq!(run(command, &prompt, 60).await.unwrap().output, "");
    }

    #[tokio::test]
    async fn a_command_that_fails_says_why() {
        let error = run("echo oh no >&2; exit 3", "", 60).await.unwrap_err();
        let ModelError::Status { stderr, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(stderr, "oh no");
        assert!(matches!(
            run("echo {}", "", 60).await,
            Err(ModelError::Malformed(_))
        ));
        let error = run("head -c 8000000 /dev/zero", "", 60).await.unwrap_err();
        assert!(matches!(error, ModelError::TooLong { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_ends_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}; wait", path.display());
        let error = run(&command, "", 1).await.unwrap_err();
        assert!(
            matches!(error, ModelError::Timeout { seconds: 1 }),
            "{error}"
        );
        let pid = std::fs::read_to_string(&path).unwrap();
        let is_running = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        for _ in 0..6_000 {
            if !is_running() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("process {pid} still runs");
    }

    #[test]
    fn an_answer_keeps_to_its_task() {
        let good = ModelAnswer {
            output: "output".to_owned(),
            tokens_in: 3,
            tokens_out: 5,
            sketches: vec![Bytes::from(vec![1; 64]), Bytes::from(vec![2; 128])],
        };
        let check = |change: fn(&mut ModelAnswer)| {
            let mut answer = good.clone();
            change(&mut answer);
            check_answer(&answer, &task("prompt"), 3, &[64, 128])
        };
        check(|_| {}).unwrap();
        assert!(matches!(
            check(|answer| answer.tokens_out = 6),
            Err(ModelError::TokensOut { .. })
        ));
        assert!(matches!(
            check(|answer| answer.tokens_in = 4),
            Err(ModelError::TokensIn { .. })
        ));
        assert!(matches!(
            check(|answer| answer.output = "x".repeat(OUTPUT_BYTES_MAX + 1)),
            Err(ModelError::TooLong { .. })
        ));
        for change in [
            |answer: &mut ModelAnswer| answer.sketches.swap(0, 1),
            |answer: &mut ModelAnswer| answer.sketches.truncate(1),
            |answer: &mut ModelAnswer| answer.sketches.push(Bytes::from(vec![1; 64])),
            |answer: &mut ModelAnswer| answer.sketches[0] = Bytes::from(vec![0x80; 64]),
        ] {
            assert!(matches!(check(change), Err(ModelError::Sketches { .. })));
        }
    }
}
