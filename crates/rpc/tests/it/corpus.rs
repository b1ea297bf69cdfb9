//! Replays the corpora of the fuzz targets `rpc_body` and `rpc_param`.

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) -> usize {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testing/fuzz/corpus")
        .join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        // Cut off anywhere, too.
        for length in 0..=data.len() {
            run(&data[..length]);
        }
        files += 1;
    }
    files
}

#[test]
fn the_corpus_of_request_bodies_is_survived() {
    let files = replay("rpc_body", openledger_rpc::rpc_body);
    assert!(files >= 6, "{files} files");
}

#[test]
fn the_corpus_of_parameters_is_survived() {
    let files = replay("rpc_param", openledger_rpc::rpc_param);
    assert!(files >= 26, "{files} files");
}
