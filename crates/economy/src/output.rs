//! How results are printed.

use serde::Serialize;

/// Prints a result as JSON, or in lines.
pub(crate) fn print(
    json: bool,
    result: &impl Serialize,
    lines: impl FnOnce(),
) -> anyhow::Result<()> {
    if json {
        return print_json(result);
    }
    lines();
    Ok(())
}

/// Prints a result as JSON.
pub(crate) fn print_json(result: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(result)?);
    Ok(())
}
