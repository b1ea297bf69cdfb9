//! How results are printed.

use serde::Serialize;

/// Prints a result as JSON, or in lines.
pub(crate) fn print(
    json: bool,
    result: &impl Serialize,
    lines: impl FnOnce(),
) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(result)?);
    } else {
        lines();
    }
    Ok(())
}
