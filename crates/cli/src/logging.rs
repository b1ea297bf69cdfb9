//! The log: to stderr, for people or as JSON, filtered by `RUST_LOG`.

use clap::{Args, ValueEnum};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str =
    "info,hyper=warn,hyper_util=warn,reqwest=warn,tower_http=warn,alloy=warn";

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// Logging flags, which every subcommand has.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Form of the log, which goes to stderr; RUST_LOG filters it
    #[arg(
        long = "log.format",
        env = "OPENLEDGER_LOG_FORMAT",
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Logging"
    )]
    pub format: LogFormat,
}

/// Starts logging to stderr.
///
/// # Errors
/// A `RUST_LOG` that can't be parsed.
pub fn start(args: &LogArgs) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text)
            .map_err(|error| anyhow::anyhow!("RUST_LOG={text} is not a filter: {error}"))?,
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.format {
        LogFormat::Text => {
            subscriber
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .init();
        }
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
