//! Requests with escrow.

use super::{Content, Contents, Model, Refusal, Task, Worker, check, hold, on_disk};
use crate::infer::{
    Prices,
    calls::{CallsDirectory, CallsError, RequestCall, VERSION, request_path},
    chain::{self, Request, RequestStatus},
    content_hash,
    message::{Answer, PromptMessage},
    query_sketch_hash,
};
use alloy_primitives::{B256, keccak256};
use openledger_client::{Receipt, Sender, Step, files};
use openledger_contracts::inference_router::InferenceRouter;
use openledger_primitives::predeploys::INFERENCE_ROUTER;
use std::{collections::BTreeSet, io, path::Path, sync::Mutex};

/// Seconds that a request must have left to be begun: its transaction takes a block or two.
const SECONDS_LEFT_MIN: u64 = 3;
/// Most requests that are under way at the same time.
const UNDER_WAY_MAX: usize = 1_024;

/// Sends what fulfils a request.
///
/// # Errors
/// A chain that refuses, or a node that doesn't answer.
pub async fn fulfil(sender: &mut Sender, call: &RequestCall) -> anyhow::Result<Receipt> {
    let fulfil = InferenceRouter::fulfilCall {
        requestId: call.request_id,
        tokensOut: call.tokens_out,
        outputHash: call.output_hash,
        querySketchHash: query_sketch_hash(&call.sketches),
    };
    sender
        .send(Step::call(
            "fulfilling the request",
            INFERENCE_ROUTER,
            &fulfil,
        ))
        .await
}

/// Publishes a request in a calls directory; it is on disk when this returns.
///
/// # Errors
/// A file that can't be written.
pub fn write_request(calls: &Path, call: &RequestCall) -> Result<(), CallsError> {
    let path = request_path(calls, call.request_id);
    files::write_json(&path, call).map_err(|error| CallsError::Io {
        path,
        source: io::Error::other(error),
    })
}

impl<M: Model> Worker<M> {
    /// Runs the model for a request, fulfils it on chain, and gives the output. Whoever has the prompt of a fulfilled request gets
    /// its output again.
    ///
    /// # Errors
    /// Why the request isn't served.
    pub async fn serve_request(&self, message: PromptMessage) -> Result<Answer, Refusal> {
        check::check_prompt(&message.prompt)?;
        let id = message.request_id;
        let _under_way = UnderWay::begin(&self.requests, id)?;
        let request = chain::request(&self.node, id)
            .await
            .map_err(Refusal::Chain)?;
        let status = RequestStatus::of(&request);
        if status == RequestStatus::None {
            return Err(Refusal::UnknownRequest { request_id: id });
        }
        if request.worker != self.terms.worker {
            return Err(Refusal::OtherWorker {
                worker: request.worker,
            });
        }
        let (calls, contents) = (self.calls.clone(), self.contents.clone());
        let kept = on_disk(move || read(&calls, &contents, id)).await??;
        let prompt_hash = keccak256(&message.prompt);
        let (call, content) = match kept {
            Some((call, content)) if call.prompt_hash == prompt_hash => (call, content),
            _ if status != RequestStatus::Open => {
                return Err(Refusal::NotOpen {
                    status: status.word(),
                });
            }
            _ => self.compute(id, &request, message.prompt).await?,
        };
        if status == RequestStatus::Open {
            let mut sender = self.sender.lock().await;
            fulfil(&mut sender, &call).await.map_err(Refusal::Chain)?;
        } else if request.contentHash != content_hash(call.prompt_hash, call.output_hash) {
            return Err(Refusal::NotOpen {
                status: status.word(),
            });
        }
        Ok(Answer {
            request_id: id,
            output: content.output,
            tokens_out: call.tokens_out,
        })
    }

    async fn compute(
        &self,
        id: B256,
        request: &Request,
        prompt: String,
    ) -> Result<(RequestCall, Content), Refusal> {
        if request.adapter != self.terms.adapter {
            return Err(Refusal::OtherAdapter {
                given: request.adapter,
                served: self.terms.adapter,
            });
        }
        let given = keccak256(&prompt);
        if given != request.contentHash {
            return Err(Refusal::OtherPrompt {
                given,
                expected: request.contentHash,
            });
        }
        let now = self.node.time().await.map_err(Refusal::Chain)?;
        let deadline: u64 = request.deadline.to();
        if now.saturating_add(SECONDS_LEFT_MIN) > deadline {
            return Err(Refusal::TooLate { deadline });
        }
        let task = Task {
            adapter: request.adapter,
            prompt,
            // A payer may allow more than the worker makes; he is credited what isn't used.
            tokens_out_max: request.tokensOutMax.min(self.terms.tokens_out_max),
        };
        let (content, answer) = self.run(task, usize::MAX).await?;
        if answer.tokens_in > request.tokensIn {
            return Err(Refusal::TokensIn {
                given: answer.tokens_in,
                declared: request.tokensIn,
            });
        }
        let prices = Prices {
            price_in: request.priceIn,
            price_out: request.priceOut,
        };
        let call = RequestCall {
            version: VERSION,
            request_id: id,
            prompt_hash: given,
            output_hash: content.output_hash(),
            tokens_out: answer.tokens_out,
            price: prices
                .price(request.tokensIn, answer.tokens_out)
                .ok_or(Refusal::Failed)?,
            sketches: answer.sketches,
        };
        let (calls, contents) = (self.calls.clone(), self.contents.clone());
        on_disk(move || -> Result<_, Refusal> {
            contents.put(id, &content)?;
            write_request(&calls, &call)?;
            Ok((call, content))
        })
        .await?
    }
}

fn read(
    calls: &Path,
    contents: &Contents,
    id: B256,
) -> Result<Option<(RequestCall, Content)>, Refusal> {
    let call = CallsDirectory::open(calls)?.request(id)?;
    Ok(call.zip(contents.get(id)?))
}

/// A request that is under way: nobody else begins it.
struct UnderWay<'a> {
    all: &'a Mutex<BTreeSet<B256>>,
    id: B256,
}

impl<'a> UnderWay<'a> {
    fn begin(all: &'a Mutex<BTreeSet<B256>>, id: B256) -> Result<Self, Refusal> {
        let mut held = hold(all);
        if held.len() >= UNDER_WAY_MAX {
            return Err(Refusal::Busy);
        }
        if !held.insert(id) {
            return Err(Refusal::UnderWay);
        }
        Ok(Self { all, id })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        hold(self.all).remove(&self.id);
    }
}
