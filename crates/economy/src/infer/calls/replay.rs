//! What the lines of a channel's file add up to.

use super::{Call, Fault, Header, Paid, Record, VERSION, check_sketches};
use crate::infer::{FeeFrontier, SignedVoucher, Voucher};
use alloy_primitives::{B256, U256};

/// Most calls of a channel.
pub const CALLS_MAX: u64 = 100_000;
/// Longest signature that is kept, bytes: one of a key has 65.
const SIGNATURE_BYTES_MAX: usize = 65;

/// A channel as its records leave it: all that the next one needs.
#[derive(Debug, Clone)]
pub struct Replay {
    header: Header,
    frontier: FeeFrontier,
    offered: Option<Call>,
    paid: Option<Paid>,
}

impl Replay {
    /// A channel in which nothing was called.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            frontier: FeeFrontier::default(),
            offered: None,
            paid: None,
        }
    }

    /// The channel that a first record begins; its file's name says that it is `channel`.
    pub(super) fn begin(record: Record, channel: B256) -> Result<Self, Fault> {
        let Record::Begin(header) = record else {
            return Err(Fault::Place {
                kind: record.kind(),
            });
        };
        if header.version != VERSION {
            return Err(Fault::Version {
                version: header.version,
            });
        }
        if header.channel != channel {
            return Err(Fault::Name {
                found: header.channel,
                expected: channel,
            });
        }
        Ok(Self::new(header))
    }

    /// What never changes.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Number of paid calls.
    pub const fn count(&self) -> u64 {
        self.frontier.count()
    }

    /// The call that is offered and not paid.
    pub const fn offered(&self) -> Option<&Call> {
        self.offered.as_ref()
    }

    /// The newest voucher.
    pub const fn paid(&self) -> Option<&Paid> {
        self.paid.as_ref()
    }

    /// The newest voucher, whole.
    pub fn voucher(&self) -> Option<SignedVoucher> {
        Some(self.paid.as_ref()?.voucher(&self.header))
    }

    /// What is owed for the paid calls, wei.
    pub fn cumulative(&self) -> U256 {
        self.cumulative_of(&self.frontier)
    }

    fn cumulative_of(&self, frontier: &FeeFrontier) -> U256 {
        U256::from(frontier.sum())
            + U256::from(frontier.count()) * U256::from(self.header.platform_fee)
    }

    /// The voucher that pays for a call more.
    ///
    /// # Errors
    /// If the call isn't the next one, or there can't be one more.
    pub fn voucher_with(&self, call: &Call, expiry: u64) -> Result<Voucher, Fault> {
        self.check_next(call)?;
        let mut frontier = self.frontier.clone();
        frontier.append(&call.leaf(&self.header))?;
        let root = frontier.root().ok_or(Fault::Voucher { count: 0 })?;
        Ok(Voucher {
            channel: self.header.channel,
            payer: self.header.payer,
            payee: self.header.payee,
            cumulative: self.cumulative_of(&frontier),
            count: frontier.count(),
            leaves_root: root.hash,
            expiry,
        })
    }

    /// Takes the next record; answers the call that it pays for, if it does. A voucher may follow that is the newest one again, good
    /// for longer.
    ///
    /// # Errors
    /// If it can't follow; then nothing has changed.
    pub fn apply(&mut self, record: Record) -> Result<Option<Call>, Fault> {
        match record {
            Record::Begin(_) => Err(Fault::Place {
                kind: record.kind(),
            }),
            Record::Offered(call) => {
                self.check_next(&call)?;
                check_sketches(&call.sketches)?;
                self.offered = Some(call);
                Ok(None)
            }
            Record::Paid(paid) => {
                if self.renews(&paid) {
                    self.paid = Some(paid);
                    return Ok(None);
                }
                let Some(call) = &self.offered else {
                    return Err(Fault::Place { kind: "paid" });
                };
                if paid.signature.len() > SIGNATURE_BYTES_MAX {
                    return Err(Fault::TooLong {
                        max: SIGNATURE_BYTES_MAX as u64,
                    });
                }
                let expected = self.voucher_with(call, paid.expiry)?;
                if paid.voucher(&self.header).voucher != expected {
                    return Err(Fault::Voucher { count: paid.count });
                }
                self.frontier.append(&call.leaf(&self.header))?;
                self.paid = Some(paid);
                Ok(self.offered.take())
            }
        }
    }

    /// Whether a voucher is the newest one again, good for longer.
    fn renews(&self, paid: &Paid) -> bool {
        let content = |paid: &Paid| (paid.cumulative, paid.count, paid.leaves_root);
        paid.signature.len() <= SIGNATURE_BYTES_MAX
            && self.paid.as_ref().is_some_and(|newest| {
                content(newest) == content(paid) && paid.expiry > newest.expiry
            })
    }

    /// The newest voucher again, good until `expiry`; `None` if there is none, or it is good for as long.
    pub fn voucher_again(&self, expiry: u64) -> Option<Voucher> {
        let newest = self.voucher()?.voucher;
        (expiry > newest.expiry).then_some(Voucher { expiry, ..newest })
    }

    fn check_next(&self, call: &Call) -> Result<(), Fault> {
        let expected = self.count() + 1;
        if call.number != expected {
            return Err(Fault::Number {
                found: call.number,
                expected,
            });
        }
        if expected > CALLS_MAX {
            return Err(Fault::TooManyCalls);
        }
        Ok(())
    }
}
