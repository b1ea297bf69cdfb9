//! Reading a vector's members.

use alloy_primitives::{Address, B256, U256, hex};
use anyhow::{Context, anyhow, bail};
use serde_json::Value;

/// A vector, or a part of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a>(pub(super) &'a Value);

impl<'a> Case<'a> {
    /// Its member `name`.
    pub(super) fn get(self, name: &str) -> anyhow::Result<Self> {
        let member = self.0.get(name).map(Case);
        member.with_context(|| format!("no member `{name}`"))
    }

    /// Its member `name`, unless that is missing or null.
    pub(super) fn optional(self, name: &str) -> Option<Self> {
        self.0.get(name).filter(|value| !value.is_null()).map(Case)
    }

    /// Its element `index`.
    pub(super) fn at(self, index: usize) -> anyhow::Result<Self> {
        let element = self.0.get(index).map(Case);
        element.with_context(|| format!("no element {index}"))
    }

    /// Its elements.
    pub(super) fn items(self) -> anyhow::Result<impl Iterator<Item = Case<'a>>> {
        let list = self.0.as_array().context("not a list")?;
        Ok(list.iter().map(Case))
    }

    /// Its members, by name.
    pub(super) fn members(self) -> anyhow::Result<impl Iterator<Item = (&'a str, Case<'a>)>> {
        let object = self.0.as_object().context("not an object")?;
        Ok(object
            .iter()
            .map(|(name, value)| (name.as_str(), Case(value))))
    }

    /// A number, or the decimal string of one.
    pub(super) fn integer<T: TryFrom<i128>>(self) -> anyhow::Result<T> {
        let value = match self.0 {
            Value::String(text) => text.parse().ok(),
            value => value
                .as_i64()
                .map(i128::from)
                .or_else(|| value.as_u64().map(i128::from)),
        };
        value
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| anyhow!("{} is no number in range", self.0))
    }

    /// A list of numbers.
    pub(super) fn integers<T: TryFrom<i128>>(self) -> anyhow::Result<Vec<T>> {
        self.items()?.map(Case::integer).collect()
    }

    /// A list of int8, as bytes.
    pub(super) fn int8s(self) -> anyhow::Result<Vec<u8>> {
        let entries = self.integers::<i8>()?;
        Ok(entries.into_iter().map(|entry| entry as u8).collect())
    }

    /// A decimal string below 2^256.
    pub(super) fn uint256(self) -> anyhow::Result<U256> {
        let text = self.text()?;
        U256::from_str_radix(text, 10).map_err(|_| anyhow!("{text} is no number below 2^256"))
    }

    /// A decimal string below 2^128.
    pub(super) fn uint128(self) -> anyhow::Result<u128> {
        let text = self.text()?;
        text.parse()
            .with_context(|| format!("{text} is no number in range"))
    }

    /// A string.
    pub(super) fn text(self) -> anyhow::Result<&'a str> {
        self.0
            .as_str()
            .with_context(|| format!("{} is no string", self.0))
    }

    /// A truth value.
    pub(super) fn boolean(self) -> anyhow::Result<bool> {
        self.0
            .as_bool()
            .with_context(|| format!("{} is neither true nor false", self.0))
    }

    /// A hexadecimal string.
    pub(super) fn bytes(self) -> anyhow::Result<Vec<u8>> {
        Ok(hex::decode(self.text()?)?)
    }

    /// 32 bytes in hexadecimal.
    pub(super) fn word(self) -> anyhow::Result<B256> {
        Ok(B256::try_from(&self.bytes()?[..])?)
    }

    /// 20 bytes in hexadecimal.
    pub(super) fn address(self) -> anyhow::Result<Address> {
        Ok(Address::try_from(&self.bytes()?[..])?)
    }
}

/// Fails, naming `what`, unless both are equal.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    native: T,
    vector: T,
) -> anyhow::Result<()> {
    if native != vector {
        bail!("{what}: native {native:?}, vector {vector:?}");
    }
    Ok(())
}
