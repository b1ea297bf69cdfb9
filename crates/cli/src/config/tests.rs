use super::*;
use crate::{Cli, Command};
use alloy_primitives::Address;
use clap::Parser;
use openledger_node::WatchdogConfig;
use openledger_rpc::Namespace;
use std::{fs, time::Duration};

const FULL: &str = r#"
    chain = "/chain"
    data-dir = "/data"

    [l1]
    rpc-url = ["http://one", "http://two"]
    block-time = 2

    [http]
    addr = "0.0.0.0"
    port = 9545
    api = ["eth", "net"]
    cors = ["*"]
    tip-min-wei = 2000000

    [privileged]
    port = 9547

    [sequencer]
    ordering = "priority-fee"
    stopped = true
    seal-reserve-ms = 100

    [batcher]
    enabled = false
    channel-duration = 5
    safe-lag-max = 40

    [proposer]
    enabled = true
    interval = 60
    withdrawal-interval = 5

    [store]
    history-days = 7
    archive = true
    index-addresses = true
    cache-mb = 64

    [feed]
    key-file = "/feed-key"

    [health]
    head-age-max = 30
    l1-silence-max = 40
    safe-silence-max = 50
    finalized-silence-max = 70

    [fees]
    open-per-eth = 7500.25
    alarm-interval = 600

    [rpc]
    logs_block_range_max = 500
    request_timeout = 2.5

    [mempool]
    transactions_max = 7
"#;

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("openledger.toml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn flags(more: &[&str]) -> SequencerFlags {
    let cli = Cli::try_parse_from([&["openledger", "sequencer"], more].concat()).unwrap();
    let Command::Sequencer(args) = cli.command else {
        panic!("not sequencer")
    };
    args.flags
}

#[test]
fn every_setting_of_the_file_is_used() {
    let (_directory, path) = written(FULL);
    let settings = SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap();
    assert_eq!(settings.node.chain, Path::new("/chain"));
    assert_eq!(settings.node.data_dir, Path::new("/data"));
    assert_eq!(settings.node.l1_rpc_urls, ["http://one", "http://two"]);
    assert_eq!(settings.node.l1_block_time, Duration::from_secs(2));
    assert_eq!(settings.node.rpc.http.to_string(), "0.0.0.0:9545");
    assert_eq!(
        settings.node.rpc.privileged.unwrap().to_string(),
        "127.0.0.1:9547"
    );
    assert_eq!(
        settings.node.rpc.public_namespaces,
        [Namespace::Eth, Namespace::Net].into()
    );
    assert_eq!(settings.node.rpc.cors_origins, ["*"]);
    assert_eq!(
        settings.mempool.order,
        openledger_mempool::Ordering::PriorityFee
    );
    assert_eq!(settings.mempool.transactions_max, 7);
    assert!(settings.builder.gather_by_fee && !settings.builder.active);
    assert!(!settings.batcher_enabled);
    assert!(settings.proposer_enabled);
    assert_eq!(
        (
            settings.proposer_interval,
            settings.proposer_withdrawal_interval
        ),
        (Some(60), Some(5))
    );
    assert_eq!(settings.channel_duration, 5);
    assert_eq!(settings.node.rpc.tip_min_wei, 2_000_000);
    assert_eq!(settings.builder.seal_reserve, Duration::from_millis(100));
    let health = settings.health_limits(1).unwrap();
    assert_eq!(
        (health.head_age_max, health.watchdog),
        (
            Duration::from_secs(30),
            WatchdogConfig {
                l1_silence_max: Duration::from_secs(40),
                safe_silence_max: Duration::from_secs(50),
                finalized_silence_max: Duration::from_secs(70),
                feed_silence_max: Duration::from_secs(30),
            }
        )
    );
    assert_eq!(
        settings.feed_key_file.as_deref(),
        Some(Path::new("/feed-key"))
    );
    let alarm = settings.cost_alarm.unwrap();
    assert_eq!(alarm.open_per_eth.to_string(), "7500.25");
    assert_eq!(alarm.interval, Duration::from_secs(600));
    let limits = &settings.node.rpc.limits;
    assert_eq!(limits.logs_block_range_max, 500);
    assert_eq!(limits.request_timeout, Duration::from_millis(2_500));
    assert_eq!(limits.logs_max, 20_000, "what isn't set has its default");
    let store = settings.node.store_options(2);
    assert!(store.archive && store.index_addresses);
    assert_eq!(
        (store.history_blocks, store.block_cache_bytes),
        (7 * 86_400 / 2, 64 << 20)
    );
}

#[test]
fn flags_win_over_the_file() {
    let (_directory, path) = written(FULL);
    let overrides = flags(&[
        "--http.port",
        "1",
        "--l1.rpc-url",
        "http://three",
        "--sequencer.stopped=false",
        "--store.archive=false",
        "--index-addresses=false",
        "--sequencer.ordering",
        "arrival",
    ]);
    let settings = SequencerSettings::resolve(Some(&path), overrides).unwrap();
    assert_eq!(settings.node.rpc.http.to_string(), "0.0.0.0:1");
    assert_eq!(settings.node.l1_rpc_urls, ["http://three"]);
    assert!(settings.builder.active && !settings.node.archive && !settings.node.index_addresses);
    assert_eq!(
        settings.mempool.order,
        openledger_mempool::Ordering::Arrival
    );
}

#[test]
fn nothing_is_needed_but_chain_data_and_l1() {
    let overrides = flags(&[
        "--chain",
        "c",
        "--data-dir",
        "d",
        "--l1.rpc-url",
        "http://l1",
    ]);
    let settings = SequencerSettings::resolve(None, overrides).unwrap();
    assert_eq!(settings.node.rpc.http.to_string(), "127.0.0.1:8545");
    assert_eq!(settings.node.rpc.public_namespaces, Namespace::public());
    assert_eq!(settings.node.store_options(1).history_blocks, 30 * 86_400);
    assert!(settings.batcher_enabled && settings.builder.active && settings.builder.settled);
    assert_eq!(settings.channel_duration, 25);
    assert_eq!(settings.node.rpc.tip_min_wei, 1_000_000);
    let health = settings.health_limits(1).unwrap();
    assert_eq!(health.head_age_max, Duration::from_secs(60));
    // Three channels of five minutes.
    assert_eq!(
        health.watchdog.safe_silence_max,
        Duration::from_secs(3 * 300)
    );
    let silent = [
        "--chain=c",
        "--data-dir=d",
        "--l1.rpc-url=http://l1",
        "--batcher.enabled=false",
    ];
    let settings = SequencerSettings::resolve(None, flags(&silent)).unwrap();
    let health = settings.health_limits(1).unwrap();
    assert_eq!(
        health.watchdog.safe_silence_max,
        Duration::from_secs(3 * 3_600),
        "somebody else posts"
    );
}

#[test]
fn what_the_chain_or_the_pool_contradicts_is_refused() {
    let (_directory, path) = written(FULL);
    let resolved = |more: &[&str]| SequencerSettings::resolve(Some(&path), flags(more)).unwrap();
    let half = resolved(&["--sequencer.seal-reserve-ms", "500"]);
    assert_eq!(
        half.builder(1).unwrap().seal_reserve,
        Duration::from_millis(500)
    );
    let more = resolved(&["--sequencer.seal-reserve-ms", "501"]);
    let error = more.builder(1).unwrap_err().to_string();
    assert!(
        error.contains("sequencer.seal-reserve-ms is 501"),
        "{error}"
    );
    assert!(more.builder(2).is_ok());
    let error = resolved(&["--health.head-age-max", "2"]).health_limits(2);
    assert!(error.is_err());

    for (from, to, words) in [
        (
            "seal-reserve-ms = 100",
            "seal-reserve-ms = 0",
            "sequencer.seal-reserve-ms is 0",
        ),
        (
            "seal-reserve-ms = 100",
            "seal-reserve-ms = 10001",
            "from 1 to 10000",
        ),
        (
            "transactions_max = 7",
            "min_tip_wei = 2000001",
            "less than mempool.min_tip_wei 2000001",
        ),
        (
            "tip-min-wei = 2000000",
            "tip-min-wei = 1000000000000001",
            "http.tip-min-wei is 1000000000000001: at most",
        ),
        (
            "head-age-max = 30",
            "head-age-max = 0",
            "health.head-age-max is 0",
        ),
        ("head-age-max = 30", "head-age = 30", "head-age"),
    ] {
        let error = refused(&FULL.replace(from, to));
        assert!(error.contains(words), "{error}");
    }
    // What nobody set follows the pool.
    let dear = FULL.replace("transactions_max = 7", "min_tip_wei = 5000000");
    let (_directory, path) = written(&dear.replace("tip-min-wei = 2000000", ""));
    let settings = SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap();
    assert_eq!(settings.node.rpc.tip_min_wei, 5_000_000);
}

#[test]
fn a_channel_is_open_for_minutes_whatever_the_l1() {
    for (block_time, l1_blocks) in [("2", 150), ("12", 25), ("600", 1)] {
        let (_directory, path) = written(
            &FULL
                .replace("block-time = 2", &format!("block-time = {block_time}"))
                .replace("channel-duration = 5", ""),
        );
        let settings = SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap();
        assert_eq!(settings.channel_duration, l1_blocks, "{block_time}");
    }
}

#[test]
fn the_rate_of_open_and_eth_is_checked() {
    for rate in ["7500.25", "\"7500.25\""] {
        let (_directory, path) = written(&FULL.replace("7500.25", rate));
        let settings = SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap();
        let rate = settings
            .cost_alarm
            .map(|alarm| alarm.open_per_eth.to_string());
        assert_eq!(rate.as_deref(), Some("7500.25"));
    }
    let (_directory, path) = written(FULL);
    let dearer = flags(&["--fees.open-per-eth", "9000"]);
    let settings = SequencerSettings::resolve(Some(&path), dearer).unwrap();
    let rate = settings
        .cost_alarm
        .map(|alarm| alarm.open_per_eth.to_string());
    assert_eq!(rate.as_deref(), Some("9000"));

    for (from, to, words) in [
        ("7500.25", "0", "fees.open-per-eth is 0"),
        ("7500.25", "\"much\"", "fees.open-per-eth is much"),
        (
            "alarm-interval = 600",
            "alarm-interval = 0",
            "fees.alarm-interval",
        ),
        ("open-per-eth = 7500.25", "", "needs fees.open-per-eth"),
    ] {
        let error = refused(&FULL.replace(from, to));
        assert!(error.contains(words), "{error}");
    }
}

fn refused(text: &str) -> String {
    let (_directory, path) = written(text);
    format!(
        "{:#}",
        SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap_err()
    )
}

#[test]
fn unknown_and_missing_settings_are_named() {
    assert!(refused("chains = \"x\"").contains("chains"));
    assert!(refused("[http]\nports = 1").contains("ports"));
    assert!(refused("[http]\nport = 70000").contains("line 2: "));
    assert!(refused("[mempool]\nnonsense = 1").contains("nonsense"));
    assert!(refused("[rpc]\nnonsense = 1").contains("nonsense"));
    assert!(refused("[rpc]\nrequest_timeout = -1").contains("negative"));
    let without_workers = FULL.replace("request_timeout = 2.5", "blocking_workers = 0");
    assert!(refused(&without_workers).contains("rpc.blocking_workers must be at least 1"));
    assert!(refused("chain = \"c\"").contains("l1.rpc-url is missing"));
    assert!(refused("[l1]\nrpc-url = \"http://x\"").contains("chain is missing"));
    assert!(refused(&FULL.replace("\"net\"", "\"engine\"")).contains("engine"));
    assert!(
        refused(&FULL.replace("history-days = 7", "history-days = 0")).contains("history-days")
    );
}

#[test]
fn a_privileged_listener_off_loopback_needs_a_token() {
    let off_loopback = FULL.replace("port = 9547", "addr = \"10.0.0.1\"");
    assert!(refused(&off_loopback).contains("privileged.token-file"));
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    let with_token = off_loopback.replace(
        "[sequencer]",
        &format!(
            "token-file = {:?}\n[sequencer]",
            token.display().to_string()
        ),
    );
    fs::write(&token, "short").unwrap();
    assert!(refused(&with_token).contains("holds no token"));
    fs::write(&token, "0123456789abcdef\n").unwrap();
    let (_directory, path) = written(&with_token);
    let settings = SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap();
    assert_eq!(settings.node.rpc.token.as_deref(), Some("0123456789abcdef"));
}

#[test]
fn both_listeners_on_one_port_are_refused() {
    assert!(
        refused(&FULL.replace("9547", "9545").replace("0.0.0.0", "127.0.0.1")).contains("both")
    );
}

const VERIFIER: &str = r#"
    chain = "/chain"
    data-dir = "/data"

    [l1]
    rpc-url = "http://one"

    [http]
    port = 9545

    [feed]
    url = "http://sequencer:8545"
"#;

#[test]
fn a_verifier_has_the_node_s_settings_and_a_feed() {
    let (_directory, path) = written(VERIFIER);
    let settings = VerifierSettings::resolve(Some(&path), VerifierFlags::default()).unwrap();
    assert_eq!(settings.node.rpc.http.to_string(), "127.0.0.1:9545");
    assert!(settings.feed.is_some());
    let health = settings.health_limits(1).unwrap();
    assert_eq!(health.head_age_max, Duration::from_secs(60));
    assert_eq!(health.watchdog.feed_silence_max, health.head_age_max);
    let (_directory, path) =
        written(&VERIFIER.replace("[feed]\n    url = \"http://sequencer:8545\"", ""));
    let settings = VerifierSettings::resolve(Some(&path), VerifierFlags::default()).unwrap();
    assert!(settings.feed.is_none());
    // Its head is as old as the last batch.
    let health = settings.health_limits(1).unwrap();
    assert_eq!(health.head_age_max, Duration::from_secs(3 * 3_600));
    assert_eq!(health.head_age_max, health.watchdog.safe_silence_max);
}

#[test]
fn every_node_can_challenge() {
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        key.path(),
        "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    )
    .unwrap();
    let section = format!(
        "{VERIFIER}\n[challenger]\nenabled = true\nkey-file = {:?}",
        key.path()
    );
    let (_directory, path) = written(&section);
    let settings = VerifierSettings::resolve(Some(&path), VerifierFlags::default()).unwrap();
    let contracts = L1Contracts {
        dispute_game_factory: Address::with_last_byte(7),
        ..L1Contracts::default()
    };
    let role = settings.node.challenger_role(&contracts).unwrap().unwrap();
    assert_eq!(role.config.factory, contracts.dispute_game_factory);
    assert_eq!(role.config.poll_interval, settings.node.l1_block_time);
    // Nothing to watch.
    let error = settings.node.challenger_role(&L1Contracts::default());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("disputeGameFactory")
    );
    // Off unless asked for.
    let (_directory, path) = written(VERIFIER);
    let settings = VerifierSettings::resolve(Some(&path), VerifierFlags::default()).unwrap();
    assert!(settings.node.challenger_role(&contracts).unwrap().is_none());
}

#[test]
fn what_is_not_a_role_s_setting_is_refused() {
    let refused = |text: &str| {
        let (_directory, path) = written(text);
        let error = VerifierSettings::resolve(Some(&path), VerifierFlags::default()).unwrap_err();
        format!("{error:#}")
    };
    assert!(refused(&format!("{VERIFIER}\n[batcher]\nenabled = false")).contains("batcher"));
    assert!(refused(&format!("{VERIFIER}\n[sequencer]\nstopped = true")).contains("sequencer"));
    assert!(refused(&format!("{VERIFIER}\n[fees]\nopen-per-eth = 1")).contains("fees"));
    assert!(refused(&VERIFIER.replace("http://sequencer", "tcp://sequencer")).contains("feed.url"));
    let (_directory, path) = written(VERIFIER);
    let error = SequencerSettings::resolve(Some(&path), SequencerFlags::default()).unwrap_err();
    assert!(error.to_string().contains("feed.key-file"), "{error}");
}
