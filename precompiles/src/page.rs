use crate::{CommonErrors, Context, Stop, gas};
use alloc::vec::Vec;
use alloy_primitives::{Address, Bytes, Keccak256};

/// Most payload bytes of a page: EIP-170's limit less the prefix byte.
pub const PAGE_PAYLOAD_MAX: usize = 24_575;
/// First byte of a page's code: STOP, so that calling a page does nothing.
const PAGE_PREFIX: u8 = 0;

/// Address whose code is page `page` of set `set_id` of `precompile`:
/// `keccak256(0xFF ‖ precompile ‖ u64be setId ‖ u32be page)[12:]`. The preimage has 33 bytes, so no
/// CREATE or CREATE2 address can equal it.
pub fn page_address(precompile: Address, set_id: u64, page: u32) -> Address {
    let mut hasher = Keccak256::new();
    hasher.update([0xff]);
    hasher.update(precompile);
    hasher.update(set_id.to_be_bytes());
    hasher.update(page.to_be_bytes());
    Address::from_word(hasher.finalize())
}

impl Context<'_> {
    /// Reads the payload of a page that this precompile wrote with `payload_len` bytes.
    ///
    /// The length is what the precompile's own records say, so that the page is paid for before it is
    /// loaded.
    ///
    /// # Errors
    /// [`Stop::OutOfGas`], [`Stop::Fatal`].
    pub fn read_page(&mut self, set_id: u64, page: u32, payload_len: usize) -> Result<Bytes, Stop> {
        let address = page_address(self.address(), set_id, page);
        let account = self.load_account(address)?;
        let code_len = (payload_len as u64).saturating_add(1);
        self.charge(gas::page_read(account.is_cold, code_len))?;
        let code = self.host().code(address)?;
        // Pages are immutable and only precompiles can write them, so this holds on every honest state.
        if code.len() as u64 == code_len && code.first() == Some(&PAGE_PREFIX) {
            Ok(code.slice(1..))
        } else {
            Err(Stop::Fatal(crate::HostFailure::new(PageMismatch {
                address,
                expected: code_len,
                actual: code.len() as u64,
            })))
        }
    }

    /// Writes a new page.
    ///
    /// # Errors
    /// [`CommonErrors::PageOccupied`], [`Stop::OutOfGas`]; [`Stop::Fatal`] also for a payload longer than
    /// [`PAGE_PAYLOAD_MAX`], which no precompile has.
    pub fn write_page(&mut self, set_id: u64, page: u32, payload: &[u8]) -> Result<(), Stop> {
        if payload.len() > PAGE_PAYLOAD_MAX {
            return Err(Stop::Fatal(crate::HostFailure::new(PageTooLong {
                len: payload.len(),
            })));
        }
        let code_len = payload.len().saturating_add(1);
        self.charge(gas::page_write(code_len as u64))?;
        let address = page_address(self.address(), set_id, page);
        let account = self.load_account_paid(address)?;
        if account.nonce != 0 || account.has_code {
            return Err(Stop::revert(CommonErrors::PageOccupied { page: address }));
        }
        let mut code = Vec::with_capacity(code_len);
        code.push(PAGE_PREFIX);
        code.extend_from_slice(payload);
        self.host().create(address, 1, code.into())?;
        Ok(())
    }
}

/// A page that isn't what the precompile's records say: the state is corrupt.
#[derive(Debug, thiserror::Error)]
#[error("page {address} has {actual} bytes of code, {expected} expected")]
struct PageMismatch {
    address: Address,
    expected: u64,
    actual: u64,
}

/// A payload that no page holds: the precompile is wrong.
#[derive(Debug, thiserror::Error)]
#[error("a page's payload of {len} bytes is longer than {PAGE_PAYLOAD_MAX}")]
struct PageTooLong {
    len: usize,
}
