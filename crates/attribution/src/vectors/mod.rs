//! `openledger attribution check-vectors`: vectors against the native code.

mod case;
mod lora;
mod sketch;
mod span;
mod stream;

use anyhow::{Context, bail, ensure};
use case::Case;
use clap::Args;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Longest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Longest text about one failure that is printed, characters.
const REASON_CHARS_MAX: usize = 300;

/// Flags of `openledger attribution check-vectors`.
#[derive(Debug, Clone, Args)]
pub(super) struct CheckVectorsArgs {
    /// The vectors, a JSON file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a section's vectors are, and how one of them is checked: the error says what differs.
enum Section {
    /// Each element of a list is a vector.
    Each(fn(Case<'_>) -> anyhow::Result<()>),
    /// The section is one vector.
    Whole(fn(Case<'_>) -> anyhow::Result<()>),
    /// Each element of the section's list of this name is a vector, which needs the section too.
    Within(&'static str, fn(Case<'_>, Case<'_>) -> anyhow::Result<()>),
}

/// The sections that vector files can have.
const SECTIONS: &[(&str, Section)] = &[
    ("project", Section::Each(sketch::project)),
    ("project_sparse", Section::Each(sketch::project)),
    ("ridge", Section::Each(sketch::ridge)),
    ("batch", Section::Each(sketch::batch)),
    ("knn", Section::Each(sketch::knn)),
    ("minhash", Section::Each(sketch::minhash)),
    ("seed", Section::Each(sketch::seed)),
    ("space", Section::Whole(sketch::space)),
    ("clustering", Section::Whole(sketch::clustering)),
    ("kgram", Section::Each(span::kgram)),
    ("winnow", Section::Each(span::winnow)),
    ("span", Section::Each(span::span)),
    ("index", Section::Each(span::index)),
    ("gate", Section::Each(span::gate)),
    ("split", Section::Each(span::split)),
    ("merkle", Section::Within("proofs", lora::merkle)),
    ("royalty", Section::Within("cases", lora::royalty)),
    ("lineage", Section::Each(lora::lineage)),
    ("safetensors", Section::Whole(lora::safetensors)),
    ("header", Section::Each(lora::header)),
    ("adapter", Section::Each(lora::adapter)),
    ("signature", Section::Each(lora::signature)),
    ("stream_text", Section::Each(stream::text)),
    ("stream_table", Section::Each(stream::table)),
    ("stream_image", Section::Each(stream::image)),
];

/// What became of a file's vectors.
#[derive(Debug, Default)]
struct Report {
    passed: usize,
    /// Where, and why.
    failed: Vec<(String, String)>,
}

impl Report {
    fn add(&mut self, place: String, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                let reason = format!("{error:#}");
                let reason = reason.chars().take(REASON_CHARS_MAX).collect();
                self.failed.push((place, reason));
            }
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &CheckVectorsArgs) -> anyhow::Result<ExitCode> {
    let report = check_file(&args.file)?;
    for (place, reason) in &report.failed {
        eprintln!("{place}: {reason}");
    }
    println!("{} passed, {} failed", report.passed, report.failed.len());
    Ok(if report.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check_file(file: &Path) -> anyhow::Result<Report> {
    let length = fs::metadata(file)
        .with_context(|| format!("reading {}", file.display()))?
        .len();
    ensure!(
        length <= FILE_BYTES_MAX,
        "{} has {length} bytes, more than {FILE_BYTES_MAX}",
        file.display()
    );
    let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let vectors: Value =
        serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    let report = check(&vectors)?;
    if report.passed == 0 && report.failed.is_empty() {
        bail!("{} has no vectors", file.display());
    }
    Ok(report)
}

/// Checks every vector of every section; a section that isn't known fails as one.
fn check(vectors: &Value) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let sections = Case(vectors)
        .members()
        .context("vectors are an object of sections")?;
    for (name, section) in sections {
        let Some((_, kind)) = SECTIONS.iter().find(|(known, _)| *known == name) else {
            report.add(name.to_owned(), Err(anyhow::anyhow!("unknown section")));
            continue;
        };
        if let Err(error) = check_section(&mut report, name, kind, section) {
            report.add(name.to_owned(), Err(error));
        }
    }
    Ok(report)
}

fn check_section(
    report: &mut Report,
    name: &str,
    kind: &Section,
    section: Case<'_>,
) -> anyhow::Result<()> {
    match kind {
        Section::Whole(check) => report.add(name.to_owned(), check(section)),
        Section::Each(check) => {
            for (index, case) in section.items()?.enumerate() {
                report.add(format!("{name}[{index}]"), check(case));
            }
        }
        Section::Within(list, check) => {
            for (index, case) in section.get(list)?.items()?.enumerate() {
                report.add(format!("{name}.{list}[{index}]"), check(section, case));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../precompiles/vectors")
    }

    #[test]
    fn the_repositorys_vectors_pass() {
        for (file, count) in [
            ("golden.json", 50),
            ("sketch.json", 20),
            ("span_split.json", 183),
            ("lora.json", 126),
            ("streams.json", 35),
        ] {
            let report = check_file(&directory().join(file)).unwrap();
            assert!(report.failed.is_empty(), "{file}: {:?}", report.failed);
            assert!(report.passed >= count, "{file}: {} passed", report.passed);
        }
    }

    /// Vectors that are changed anywhere fail: the numbers of every section matter.
    #[test]
    fn damaged_vectors_fail() {
        fn damage(value: &mut Value) -> bool {
            match value {
                Value::Number(number) => {
                    let changed = number.as_i64().map_or(1, |number| number ^ 1);
                    *value = json!(changed);
                    true
                }
                Value::String(text) if text.len() > 1 => {
                    let last = if text.ends_with('1') { '2' } else { '1' };
                    text.pop();
                    text.push(last);
                    true
                }
                Value::Bool(flag) => {
                    *flag = !*flag;
                    true
                }
                Value::Array(items) => items.iter_mut().any(damage),
                Value::Object(members) => members.iter_mut().any(|(_, value)| damage(value)),
                _ => false,
            }
        }
        let results = [
            ("project", "out"),
            ("project_sparse", "out"),
            ("ridge", "scores"),
            ("batch", "result"),
            ("knn", "out"),
            ("minhash", "out"),
            ("seed", "seed"),
            ("space", "band_slots"),
            ("clustering", "assigned"),
            ("kgram", "hashes"),
            ("winnow", "out"),
            ("span", "covered"),
            ("index", "entries"),
            ("gate", "out"),
            ("split", "out"),
            ("merkle", "root"),
            ("royalty", "cases"),
            ("lineage", "datanets"),
            ("safetensors", "tensors"),
            ("header", "revert"),
            ("adapter", "revert"),
            ("signature", "digest"),
            ("stream_text", "tokens"),
            ("stream_table", "tokens"),
            ("stream_image", "tokens"),
        ];
        let mut sections = serde_json::Map::new();
        for file in [
            "golden.json",
            "sketch.json",
            "span_split.json",
            "lora.json",
            "streams.json",
        ] {
            let text = fs::read(directory().join(file)).unwrap();
            let Value::Object(read) = serde_json::from_slice(&text).unwrap() else {
                panic!("{file}")
            };
            sections.extend(read);
        }
        assert_eq!(results.len(), SECTIONS.len());
        for (section, member) in results {
            let mut value = sections[section].clone();
            let case = match &mut value {
                Value::Array(cases) => cases
                    .iter_mut()
                    .find(|case| damage(&mut case[member].clone()))
                    .unwrap(),
                whole => whole,
            };
            assert!(damage(&mut case[member]), "{section}");
            let report = check(&json!({ section: value })).unwrap();
            assert!(!report.failed.is_empty(), "{section}.{member}");
        }
    }

    #[test]
    fn what_is_no_vector_fails_by_name() {
        let report = check(&json!({ "nonsense": [], "knn": [{ "D": 8 }], "split": {} })).unwrap();
        assert_eq!(report.passed, 0);
        let places: Vec<_> = report.failed.iter().map(|(place, _)| &**place).collect();
        assert_eq!(places.len(), 3);
        assert!(places.contains(&"knn[0]") && places.contains(&"nonsense"));
        assert!(check(&json!([])).is_err());
        let empty = tempfile::NamedTempFile::new().unwrap();
        fs::write(empty.path(), "{}").unwrap();
        assert!(check_file(empty.path()).is_err());
    }
}
