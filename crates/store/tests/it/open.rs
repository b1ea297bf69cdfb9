//! Opening what can't be opened says why.

use crate::chain::{TestChain, options};
use openledger_primitives::StateChanges;
use openledger_store::{Store, StoreError};
use std::fs;

#[test]
fn an_open_store_is_locked() {
    let chain = TestChain::new(options(), 1);
    let error = Store::open(&chain.path(), options()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
}

#[test]
fn other_directories_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.tex"), "years of work").unwrap();
    let error = Store::open(directory.path(), options()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    let directory = tempfile::tempdir().unwrap();
    drop(foreign(directory.path(), &["accounts_of_another_program"]));
    let error = Store::open(directory.path(), options()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file, options()).unwrap_err();
    assert!(matches!(error, StoreError::Directory { .. }), "{error:?}");
}

fn foreign(path: &std::path::Path, families: &[&str]) -> rocksdb::DB {
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    rocksdb::DB::open_cf(&options, path, families).unwrap()
}

#[test]
fn other_schemas_are_named() {
    for (families, version) in [
        (&["meta"][..], 4_u32),
        (&["meta", "later"], 7),
        (&["meta"], 0),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let db = foreign(directory.path(), families);
        db.put_cf(
            db.cf_handle("meta").unwrap(),
            b"s:schema",
            version.to_be_bytes(),
        )
        .unwrap();
        drop(db);
        match Store::open(directory.path(), options()).unwrap_err() {
            StoreError::SchemaNewer {
                found,
                supported: 3,
            } => assert_eq!(found, version),
            StoreError::SchemaOlder {
                found: 0,
                supported: 3,
            } => assert_eq!(version, 0),
            error => panic!("{error:?}"),
        }
    }
}

#[test]
fn a_store_of_the_schema_before_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let db = foreign(directory.path(), &["meta"]);
    let meta = db.cf_handle("meta").unwrap();
    db.put_cf(meta, b"s:schema", 1_u32.to_be_bytes()).unwrap();
    drop(db);
    drop(Store::open(directory.path(), options()).unwrap());
    let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), directory.path()).unwrap();
    let db = rocksdb::DB::open_cf_for_read_only(
        &rocksdb::Options::default(),
        directory.path(),
        families,
        false,
    )
    .unwrap();
    let schema = db
        .get_cf(db.cf_handle("meta").unwrap(), b"s:schema")
        .unwrap();
    // So that an older program knows that it can't read it.
    assert_eq!(schema.as_deref(), Some(&3_u32.to_be_bytes()[..]));
}

#[test]
fn a_creation_cut_short_is_taken_up_again() {
    let directory = tempfile::tempdir().unwrap();
    for file in ["LOCK", "LOG", "MANIFEST-000001", "000002.dbtmp", "IDENTITY"] {
        fs::write(directory.path().join(file), "").unwrap();
    }
    let store = Store::open(directory.path(), options()).unwrap();
    assert_eq!(store.head(), None);
}

#[test]
fn damaged_files_are_corrupt() {
    let mut chain = TestChain::new(options(), 100);
    chain.extend(StateChanges::default(), &[]);
    let path = chain.path();
    drop(chain.store.take());
    let manifest = fs::read_to_string(path.join("CURRENT")).unwrap();
    let manifest = path.join(manifest.trim());
    let mut bytes = fs::read(&manifest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&manifest, bytes).unwrap();
    let error = Store::open(&path, options()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}
