//! The account that a command acts for.

use crate::{DEV_FILE, LocalChain};
use alloy_signer_local::PrivateKeySigner;
use anyhow::Context;
use clap::Args;
use openledger_l1::{key_from_env, key_from_file};
use std::{env, path::PathBuf};

/// Names the key where no file is given.
pub const KEY_VARIABLE: &str = "OPENLEDGER_KEY";

/// Highest number of a mnemonic's account (BIP-32).
const ACCOUNT_MAX: u32 = (1 << 31) - 1;

/// Whose key signs.
#[derive(Debug, Clone, Default, Args)]
pub struct AccountArgs {
    /// File with the account's private key; without, OPENLEDGER_KEY holds it
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Take the account of a local chain with this number (--chain is then the directory of `openledger dev`)
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "key_file",
        value_parser = clap::value_parser!(u32).range(..=i64::from(ACCOUNT_MAX))
    )]
    pub account: Option<u32>,
}

impl AccountArgs {
    /// The key; `None` if none is named anywhere. `local` is the chain, if it is a local one.
    ///
    /// # Errors
    /// A file or variable that holds no key; an account of a chain that is not local.
    pub fn key_if_any(
        &self,
        local: Option<&LocalChain>,
    ) -> anyhow::Result<Option<PrivateKeySigner>> {
        if let Some(path) = &self.key_file {
            return Ok(Some(key_from_file(path)?));
        }
        if let Some(number) = self.account {
            let local = local.with_context(|| {
                format!("--account is for local chains: there is no {DEV_FILE} in --chain")
            })?;
            return local.key(number).map(Some);
        }
        if env::var_os(KEY_VARIABLE).is_none() {
            return Ok(None);
        }
        Ok(Some(key_from_env(KEY_VARIABLE)?))
    }

    /// The key.
    ///
    /// # Errors
    /// As [`Self::key_if_any`], or if none is named.
    pub fn key(&self, local: Option<&LocalChain>) -> anyhow::Result<PrivateKeySigner> {
        self.key_if_any(local)?.with_context(|| {
            format!("name the account's key by --key-file or {KEY_VARIABLE} (on a local chain, --account N)")
        })
    }
}
