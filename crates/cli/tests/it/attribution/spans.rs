//! Documents to an index, on chain and under a root, and what a text copies from them.

use super::{DATANET, World, mine, text};
use alloy_primitives::{B256, hex};
use anyhow::Context;
use serde_json::Value;

#[test]
fn documents_are_indexed_submitted_and_matched() -> anyhow::Result<()> {
    let world = World::start()?;
    for number in 0..3 {
        world.write(&format!("{number}.txt"), text(number, 400))?;
    }
    world.write(
        "documents.txt",
        "0 text 0.txt\n1 text 1.txt\n2 text 2.txt\n",
    )?;
    // An answer that takes a stretch of the second document, and one of the third.
    let words = |number: usize| -> Vec<String> {
        text(number, 400).split(' ').map(str::to_owned).collect()
    };
    let mut answer = vec!["something".to_owned(), "new".to_owned()];
    answer.extend_from_slice(&words(1)[50..150]);
    answer.push("and".to_owned());
    answer.extend_from_slice(&words(2)[200..240]);
    let tokens: Vec<u32> = answer
        .iter()
        .map(|word| {
            let [a, b, c, d, ..] = alloy_primitives::keccak256(word).0;
            u32::from_be_bytes([a, b, c, d])
        })
        .collect();
    world.write("answer.json", serde_json::to_string(&tokens)?)?;
    world.write("answer.txt", answer.join(" "))?;

    for (id, flags) in [(1u64, &[][..]), (2, &["--proved"][..])] {
        let number = id.to_string();
        let journal = format!("tokens{id}.journal");
        let tokens = world.json(&[
            "submit",
            "tokens",
            "documents.txt",
            "--datanet",
            DATANET,
            "--journal",
            &journal,
            "--mine",
            "--json",
        ])?;
        assert_eq!(tokens["indexId"], id);
        world.ok(&[
            "index",
            "documents.txt",
            "--index",
            &number,
            "--out",
            "index.json",
            "--proofs",
            "proofs.json",
        ])?;
        let salt = tokens["salt"].as_str().context("a salt")?;
        world.ok(&[
            "index",
            "documents.txt",
            "--salt",
            salt,
            "--out",
            "again.json",
        ])?;
        assert_eq!(world.read("index.json")?, world.read("again.json")?);
        let journal = format!("index{id}.journal");
        let submit = [
            "submit",
            "index",
            "index.json",
            "--index",
            &number,
            "--journal",
            &journal,
            "--json",
        ];
        let submitted = world.json(&[&submit[..], flags].concat())?;
        assert_eq!(submitted["mode"], id);
        assert_eq!(
            world.json(&[&submit[..], flags].concat())?["transactions"],
            0
        );
        mine(&world)?;

        let score = [
            "score",
            "spans",
            "--index",
            &number,
            "--tokens",
            "answer.json",
        ];
        let entries = ["--entries", "index.json", "--out", "claim.json", "--json"];
        let spans = world.json(&[&score[..], &entries].concat())?;
        let won: Vec<_> = spans["clusters"]
            .as_array()
            .context("clusters")?
            .iter()
            .map(|one| (one["cluster"].as_u64(), one["score"].as_str()))
            .collect();
        let text = ["--tokens", "answer.txt", "--kind", "text"];
        let of_text = [&score[..4], &text, &entries[..2], &["--json"]].concat();
        assert_eq!(world.json(&of_text)?, spans);
        // Winnowing finds all but some tokens at a stretch's ends.
        assert_eq!(won.len(), 2);
        assert_eq!((won[0].0, won[1].0), (Some(1), Some(2)));
        let tokens_won = |place: usize| won[place].1.and_then(|n| n.parse::<u32>().ok());
        assert!(
            (85..=100).contains(&tokens_won(0).unwrap_or_default()),
            "{won:?}"
        );
        assert!(
            (25..=40).contains(&tokens_won(1).unwrap_or_default()),
            "{won:?}"
        );

        world.ok(&["verify", "claim", "claim.json"])?;
        let verify = ["verify", "index", &number];
        world.ok(&[&verify[..], &["--entries", "index.json"]].concat())?;
        world.ok(&[&verify[..], &["--documents", "documents.txt"]].concat())?;
        let mut claim: Value = serde_json::from_slice(&world.read("claim.json")?)?;
        claim["answer"]["covered"] = 7.into();
        world.write("changed.json", claim.to_string())?;
        let error = world.fails(&["verify", "claim", "changed.json"])?;
        assert!(
            error.contains("DIFFERENT: tokens covered: 7 claimed"),
            "{error}"
        );
    }
    // One proof a leaf.
    let first = world.read("proofs.json")?;
    let first: Value = serde_json::from_slice(
        first
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default(),
    )?;
    assert_eq!(first["leaf"], 0);
    assert_eq!(
        hex::decode(first["entry"].as_str().unwrap_or_default())?.len(),
        16
    );
    let _: Vec<B256> = serde_json::from_value(first["proof"].clone())?;

    // A document that is changed afterwards, and an index of other documents.
    world.write("1.txt", text(5, 400))?;
    let error = world.fails(&["verify", "index", "1", "--documents", "documents.txt"])?;
    assert!(error.contains("DIFFERENT: token root"), "{error}");
    let error = world.fails(&["index", "documents.txt", "--index", "1", "--out", "x.json"])?;
    assert!(error.contains("is committed"), "{error}");
    world.dev.stop()
}
