//! Replays the corpus of the fuzz target `rpc_body`.

use std::path::Path;

#[test]
fn the_corpus_of_request_bodies_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/fuzz/corpus/rpc_body");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        // Cut off anywhere, too.
        for length in 0..=data.len() {
            openledger_rpc::rpc_body(&data[..length]);
        }
        files += 1;
    }
    assert!(files >= 6, "{files} files");
}
