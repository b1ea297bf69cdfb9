//! `rpc_`: which namespaces there are.

use crate::{
    api::Api,
    config::Namespace,
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use std::collections::BTreeMap;

pub(crate) const METHODS: Methods = &[("rpc_modules", Run::Light(modules))];

/// The version of every namespace: clients ask for the names.
const VERSION: &str = "1.0";

fn modules(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    let modules: BTreeMap<&str, &str> = api
        .config
        .public_namespaces
        .iter()
        .flat_map(|namespace| match namespace {
            Namespace::Local => &["evm", "anvil", "hardhat", "personal"][..],
            Namespace::Eth => &["eth"],
            Namespace::Net => &["net"],
            Namespace::Web3 => &["web3"],
            Namespace::Rpc => &["rpc"],
            Namespace::Txpool => &["txpool"],
            Namespace::Optimism => &["optimism"],
            Namespace::Debug => &["debug"],
            Namespace::Trace => &["trace"],
            Namespace::Admin => &["admin"],
            Namespace::Miner => &["miner"],
            Namespace::Ots => &["ots"],
        })
        .map(|name| (*name, VERSION))
        .collect();
    Reply::small(&modules)
}
