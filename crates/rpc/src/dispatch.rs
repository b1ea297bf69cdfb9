//! From a body to its answer.

use crate::{
    api::Api,
    config::Namespace,
    envelope::{Body, Call, Id, Parsed, null_id, write_answer},
    error::Failure,
    eth,
    params::Params,
    registry::{Method, Outcome, Run},
    reply::too_large,
    workers::{Deadline, Work},
};
use axum::body::Bytes;
use futures::{StreamExt as _, future::BoxFuture};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// Light requests of a batch between which others get their turn; a brief one counts for some.
const YIELD_EVERY: usize = 64;
/// What a brief request counts for.
const BRIEF: usize = 16;

/// Who asks: what a listener serves.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    /// The namespaces that it serves.
    pub(crate) namespaces: Arc<BTreeSet<Namespace>>,
    /// Whether it is the privileged one.
    pub(crate) is_privileged: bool,
}

/// A call on its way.
pub(crate) enum Started {
    /// It is answered.
    Done(Outcome),
    /// It waits for a worker or for others.
    Running(BoxFuture<'static, Outcome>),
}

/// What a call turned out to be.
pub(crate) enum Looked {
    /// To be run.
    Method(Arc<Method>, Params),
    /// Not to be.
    Refused(Failure),
}

/// Finds the method of a call.
pub(crate) fn look_up(api: &Api, listener: &Listener, call: Call) -> Looked {
    let name = call.method.as_str();
    let Some(method) = api.registry.get(name) else {
        api.metrics.unknown_methods.fetch_add(1, Relaxed);
        // Names are cut: an error must not be longer than any answer may be.
        let method = name.chars().take(100).collect::<String>().into();
        return Looked::Refused(Failure::UnknownMethod { method });
    };
    if !listener.namespaces.contains(&method.namespace) {
        return Looked::Refused(Failure::Elsewhere {
            method: method.name,
            namespace: method.namespace,
        });
    }
    let limits = &api.config.limits;
    let deadline = match (method.namespace, method.run) {
        (Namespace::Debug | Namespace::Trace | Namespace::Ots, Run::Heavy(Work::Long, _)) => {
            Deadline::new("trace_timeout", limits.trace_timeout)
        }
        _ => Deadline::new("request_timeout", limits.request_timeout),
    };
    Looked::Method(method.clone(), Params::new(call.params, deadline))
}

/// Starts a method. Light ones are answered when this returns.
pub(crate) fn start(api: &Arc<Api>, method: &Arc<Method>, params: Params) -> Started {
    let started = Instant::now();
    match method.run {
        Run::Light(handler) => {
            let outcome = handler(api, &params);
            finish(api, method, started, &outcome);
            Started::Done(outcome)
        }
        Run::Brief(first, work, handler) => match first(api, &params) {
            Some(outcome) => {
                finish(api, method, started, &outcome);
                Started::Done(outcome)
            }
            None => on_worker(api, method, params, started, work, handler),
        },
        Run::Heavy(work, handler) => on_worker(api, method, params, started, work, handler),
        Run::Async(_) | Run::Send => {
            let handler = match method.run {
                Run::Async(handler) => handler,
                _ => eth::send_raw_transaction,
            };
            let (api, method) = (api.clone(), method.clone());
            Started::Running(Box::pin(async move {
                let outcome = handler(api.clone(), params).await;
                finish(&api, &method, started, &outcome);
                outcome
            }))
        }
        Run::Socket => Started::Done(Err(Failure::WebSocketOnly {
            method: method.name,
        })),
    }
}

fn on_worker(
    api: &Arc<Api>,
    method: &Arc<Method>,
    params: Params,
    started: Instant,
    work: Work,
    handler: fn(&Api, &Params) -> Outcome,
) -> Started {
    let (api, method) = (api.clone(), method.clone());
    Started::Running(Box::pin(async move {
        let deadline = params.deadline;
        let job = {
            let api = api.clone();
            move || handler(&api, &params)
        };
        let outcome = api.workers.run(work, deadline, job).await;
        finish(&api, &method, started, &outcome);
        outcome
    }))
}

/// Counts a request, and logs a failure that is the node's own.
pub(crate) fn finish(api: &Api, method: &Method, started: Instant, outcome: &Outcome) {
    method.metrics.record(started.elapsed(), outcome.is_err());
    if let Err(failure) = outcome {
        if matches!(failure, Failure::Timeout { .. }) {
            api.metrics.timeouts.fetch_add(1, Relaxed);
        }
        if failure.is_internal() {
            tracing::error!(method = method.name, error = ?failure, "request failed");
        }
    }
}

/// Answers a body; empty if it holds nothing but notifications.
pub(crate) async fn answer(api: &Arc<Api>, listener: &Listener, body: &Bytes) -> Vec<u8> {
    let mut out = Vec::new();
    match Body::parse(body, api.config.limits.batch_requests_max) {
        Err(failure) => {
            api.metrics.malformed.fetch_add(1, Relaxed);
            write_answer(&mut out, &null_id(), &Err(failure));
        }
        Ok(Body::Single(Parsed { id, call })) => {
            let outcome = match call.map(|call| look_up(api, listener, call)) {
                Err(failure) | Ok(Looked::Refused(failure)) => Err(failure),
                Ok(Looked::Method(method, params)) => match start(api, &method, params) {
                    Started::Done(outcome) => outcome,
                    Started::Running(running) => running.await,
                },
            };
            write_answer(&mut out, &id, &outcome);
        }
        Ok(Body::Batch(calls)) => batch(api, listener, calls, &mut out).await,
    }
    out
}

/// Answers a batch in its order. Light calls are answered one after another, the others run together;
/// transactions are recovered in parallel and submitted at once, in order.
async fn batch(api: &Arc<Api>, listener: &Listener, calls: Vec<Parsed>, out: &mut Vec<u8>) {
    let started = Instant::now();
    let mut ids: Vec<Id> = Vec::with_capacity(calls.len());
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(calls.len());
    let mut running = Vec::new();
    let mut since_yield = 0;
    let mut sends: Vec<(usize, Arc<Method>, Params)> = Vec::new();
    let budget = Budget::new(api.config.limits.response_bytes_max);
    for (index, Parsed { id, call }) in calls.into_iter().enumerate() {
        ids.push(id);
        outcomes.push(match call.map(|call| look_up(api, listener, call)) {
            Err(failure) | Ok(Looked::Refused(failure)) => Some(Err(failure)),
            Ok(Looked::Method(method, params)) if matches!(method.run, Run::Send) => {
                sends.push((index, method, params));
                None
            }
            Ok(Looked::Method(..)) if budget.is_spent() => Some(budget.refuse()),
            Ok(Looked::Method(method, params)) => {
                since_yield += if matches!(method.run, Run::Brief(..)) {
                    BRIEF
                } else {
                    1
                };
                if since_yield >= YIELD_EVERY {
                    since_yield = 0;
                    tokio::task::yield_now().await;
                }
                match start(api, &method, params) {
                    Started::Done(outcome) => Some(budget.charge(outcome)),
                    Started::Running(future) => {
                        let budget = budget.clone();
                        running.push(async move {
                            if budget.is_spent() {
                                return (index, budget.refuse());
                            }
                            (index, budget.charge(future.await))
                        });
                        None
                    }
                }
            }
        });
    }
    let concurrent = api.config.limits.concurrent_requests_max.max(1);
    let others = futures::stream::iter(running)
        .buffer_unordered(concurrent)
        .collect::<Vec<_>>();
    let (methods, params): (Vec<_>, Vec<_>) = sends
        .into_iter()
        .map(|(index, method, params)| ((index, method), params))
        .unzip();
    let submitted = async {
        if params.is_empty() {
            Vec::new()
        } else {
            eth::send_many(api, params).await
        }
    };
    let (others, submitted) = futures::join!(others, submitted);
    for (index, outcome) in others {
        outcomes[index] = Some(outcome);
    }
    for ((index, method), outcome) in methods.into_iter().zip(submitted) {
        finish(api, &method, started, &outcome);
        outcomes[index] = Some(outcome);
    }
    write_batch(&ids, outcomes, api.config.limits.response_bytes_max, out);
}

/// Bytes that the answers of a batch may still take: so that a batch that asks for too much stops
/// early, and doesn't hold all of it in memory first.
#[derive(Clone)]
struct Budget {
    spent: Arc<AtomicUsize>,
    max: usize,
}

impl Budget {
    fn new(max: usize) -> Self {
        Self {
            spent: Arc::default(),
            max,
        }
    }

    fn is_spent(&self) -> bool {
        self.spent.load(Relaxed) > self.max
    }

    fn refuse(&self) -> Outcome {
        Err(too_large(self.max))
    }

    fn charge(&self, outcome: Outcome) -> Outcome {
        let size = outcome.as_ref().map_or(0, |reply| reply.as_json().len());
        let before = self.spent.fetch_add(size, Relaxed);
        if before + size > self.max {
            self.refuse()
        } else {
            outcome
        }
    }
}

fn write_batch(ids: &[Id], outcomes: Vec<Option<Outcome>>, bytes_max: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (id, outcome) in ids.iter().zip(outcomes) {
        let Some(outcome) = outcome else { continue };
        if id.is_none() {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        let fits = outcome
            .as_ref()
            .map_or(true, |reply| out.len() + reply.as_json().len() <= bytes_max);
        let outcome = if fits {
            outcome
        } else {
            Err(too_large(bytes_max))
        };
        write_answer(out, id, &outcome);
    }
    if out.len() == 1 {
        out.clear();
    } else {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Reply;

    #[test]
    fn batches_are_written_in_order_without_notifications() {
        let id = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        let mut out = Vec::new();
        let outcomes = vec![
            Some(Ok(Reply::TRUE)),
            Some(Ok(Reply::FALSE)),
            Some(Ok(Reply::NULL)),
        ];
        write_batch(&[id("1"), None, id("\"b\"")], outcomes, 1_000, &mut out);
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer.as_array().unwrap().len(), 2);
        assert_eq!(answer[0]["result"], true);
        assert_eq!(answer[1]["id"], "b");
        out.clear();
        write_batch(&[None], vec![Some(Ok(Reply::TRUE))], 1_000, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_budget_refuses_what_goes_over_it() {
        let budget = Budget::new(100);
        let answer = |bytes: usize| Ok(Reply::json(vec![b'1'; bytes]));
        assert!(budget.charge(answer(60)).is_ok());
        assert!(budget.charge(Err(Failure::NoSequencer)).is_err());
        assert!(!budget.is_spent());
        assert_eq!(budget.charge(answer(60)).unwrap_err().code(), -32005);
        assert!(budget.is_spent());
        assert_eq!(budget.refuse().unwrap_err().code(), -32005);
    }

    #[test]
    fn a_batch_above_the_limit_fails_from_there_on() {
        let id = || Some(Bytes::from_static(b"1"));
        let big = || Some(Ok(Reply::json(vec![b'1'; 60])));
        let mut out = Vec::new();
        write_batch(&[id(), id()], vec![big(), big()], 100, &mut out);
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert!(answer[0]["result"].is_number());
        assert_eq!(answer[1]["error"]["code"], -32005);
    }
}
