//! What is paid for in a test: requests and channels, served and published.

use super::world::{OPEN, PAYER, PLATFORM_FEE, PRICE, WORKER, World};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use anyhow::Context;
use openledger_client::Step;
use openledger_economy::{
    contracts::{InferenceRouter, VoucherChannels},
    infer::{
        ChannelJournal,
        calls::{Call, Header, Paid, Record, RequestCall, VERSION},
        chain::settle_call,
        channel_id, query_sketch_hash, request_id,
        worker::write_request,
    },
};
use openledger_primitives::predeploys::{INFERENCE_ROUTER, VOUCHER_CHANNELS};

impl World {
    /// A request of so many thousand tokens, served and published.
    pub(super) async fn serve(&mut self, thousands: u32, sketch: Bytes) -> anyhow::Result<()> {
        self.serve_by(self.adapter, thousands, vec![sketch]).await
    }

    /// The same by an adapter, with a sketch for each of its sets.
    pub(super) async fn serve_by(
        &mut self,
        adapter: u64,
        thousands: u32,
        sketches: Vec<Bytes>,
    ) -> anyhow::Result<()> {
        self.requests += 1;
        let nonce = U256::from(self.requests);
        let mut payer = self.sender(PAYER)?;
        let price = u128::from(thousands) * PRICE;
        let request = InferenceRouter::requestCall {
            adapter,
            worker: self.address(WORKER)?,
            tokensIn: thousands * 1_000,
            tokensOutMax: 0,
            promptHash: B256::ZERO,
            nonce,
        };
        let escrow = U256::from(price + PLATFORM_FEE);
        payer
            .send(Step::call("request", INFERENCE_ROUTER, &request).paying(escrow))
            .await?;
        let call = RequestCall {
            version: VERSION,
            request_id: request_id(self.node.chain_id(), payer.account(), nonce),
            prompt_hash: B256::ZERO,
            output_hash: B256::ZERO,
            tokens_out: 0,
            price,
            sketches,
        };
        write_request(&self.calls(), &call)?;
        let fulfil = InferenceRouter::fulfilCall {
            requestId: call.request_id,
            tokensOut: 0,
            outputHash: call.output_hash,
            querySketchHash: query_sketch_hash(&call.sketches),
        };
        self.sender(WORKER)?
            .send(Step::call("fulfil", INFERENCE_ROUTER, &fulfil))
            .await?;
        Ok(())
    }

    /// A channel with a call for each sketch, settled by one voucher and published.
    pub(super) async fn serve_by_voucher(&mut self, sketches: &[Bytes]) -> anyhow::Result<()> {
        self.requests += 1;
        let salt = B256::from(U256::from(self.requests));
        let mut payer = self.sender(PAYER)?;
        let (chain_id, payee) = (self.node.chain_id(), self.address(WORKER)?);
        let locked = U256::from(100 * OPEN);
        let open = VoucherChannels::openChannelCall {
            payee,
            adapter: self.adapter,
            platformFee: PLATFORM_FEE,
            salt,
        };
        payer
            .send(Step::call("open", VOUCHER_CHANNELS, &open).paying(locked))
            .await?;
        let account = payer.account();
        let header = Header {
            version: VERSION,
            chain_id,
            channel: channel_id(chain_id, account, payee, self.adapter, PLATFORM_FEE, salt),
            payer: account,
            payee,
            adapter: self.adapter,
            platform_fee: PLATFORM_FEE,
        };
        let mut journal = ChannelJournal::create(&self.calls(), header)?;
        let expiry = self.node.time().await? + 86_400;
        for (number, sketch) in (1..).zip(sketches) {
            let call = Call {
                number,
                prompt_hash: keccak256(number.to_be_bytes()),
                output_hash: B256::ZERO,
                tokens_in: 1,
                tokens_out: 0,
                price: 3 * OPEN + u128::from(number),
                sketches: vec![sketch.clone()],
            };
            let voucher = journal.replay().voucher_with(&call, expiry)?;
            let signed = voucher.sign(payer.signer(), chain_id)?;
            journal.append(Record::Offered(call))?;
            journal.append(Record::Paid(Paid::of(&signed)))?;
        }
        let voucher = journal.replay().voucher().context("calls were paid")?;
        let settle = settle_call(&voucher);
        self.sender(WORKER)?
            .send(Step::call("settle", VOUCHER_CHANNELS, &settle))
            .await?;
        Ok(())
    }
}
