//! Commands of a person's own that others run: a worker's model, a juror's computation.

use openledger_client::KEY_VARIABLE;
use std::{io, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

/// How much of what a failing command says is kept, bytes.
const STDERR_BYTES_MAX: usize = 2_048;

/// A command for `sh`, and the longest that it may take.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    command: String,
    time_max: Duration,
}

/// Why a command gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShellError {
    /// It can't be run.
    #[error("its command can't be run: {0}")]
    Io(#[source] io::Error),
    /// It takes too long.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// It ended badly.
    #[error("its command ended with {status}: {stderr}")]
    Status {
        /// The exit status.
        status: std::process::ExitStatus,
        /// The beginning of what it said on standard error.
        stderr: String,
    },
    /// It answered too much.
    #[error("more than {max} bytes of its answer")]
    TooLong {
        /// The limit.
        max: usize,
    },
}

impl Shell {
    pub(crate) const fn new(command: String, time_max: Duration) -> Self {
        Self { command, time_max }
    }

    /// Runs it with `input` on its standard input; answers at most `max` bytes of standard output. It is ended with everything that
    /// it started; the account's key isn't in its environment.
    ///
    /// # Errors
    /// A command that can't be run, fails, answers too much or takes too long.
    pub(crate) async fn run(
        &self,
        environment: &[(&str, String)],
        input: &[u8],
        max: usize,
    ) -> Result<Vec<u8>, ShellError> {
        match timeout(self.time_max, self.answer(environment, input, max)).await {
            Ok(answer) => answer,
            Err(_) => Err(ShellError::Timeout {
                seconds: self.time_max.as_secs(),
            }),
        }
    }

    async fn answer(
        &self,
        environment: &[(&str, String)],
        input: &[u8],
        max: usize,
    ) -> Result<Vec<u8>, ShellError> {
        let mut child = Command::new("sh")
            .args(["-c", &self.command])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env_remove(KEY_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(ShellError::Io)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let _group = Group(child.id());
        let write = async {
            let Some(mut stdin) = stdin else { return };
            // A command that doesn't read its input may end before it was written.
            let _ = stdin.write_all(input).await;
        };
        let (_, answer, said, status) = tokio::join!(
            write,
            read(stdout, max),
            read(stderr, STDERR_BYTES_MAX),
            wait(&mut child),
        );
        let (answer, status) = (answer?, status?);
        if !status.success() {
            let said = said.unwrap_or_default();
            return Err(ShellError::Status {
                status,
                stderr: String::from_utf8_lossy(&said).trim().to_owned(),
            });
        }
        if answer.len() > max {
            return Err(ShellError::TooLong { max });
        }
        Ok(answer)
    }
}

async fn wait(child: &mut Child) -> Result<std::process::ExitStatus, ShellError> {
    child.wait().await.map_err(ShellError::Io)
}

/// Reads to the end, of which the first `max` bytes and one more are kept: the rest is thrown away, so that nobody waits for a reader.
async fn read(source: Option<impl AsyncRead + Unpin>, max: usize) -> Result<Vec<u8>, ShellError> {
    let mut bytes = Vec::new();
    let Some(source) = source else {
        return Ok(bytes);
    };
    let mut kept = source.take(max as u64 + 1);
    kept.read_to_end(&mut bytes).await.map_err(ShellError::Io)?;
    tokio::io::copy(&mut kept.into_inner(), &mut tokio::io::sink())
        .await
        .map_err(ShellError::Io)?;
    Ok(bytes)
}

/// The processes of a command: what it started itself ends with it.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.0.and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        // SAFETY: a signal to the group that this command was started as. Its id stays taken until the last of the group has ended; if
        // all have, there is no such group, and the call fails.
        unsafe { libc::kill(-id, libc::SIGKILL) };
    }
}
