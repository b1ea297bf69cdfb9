use alloy_primitives::{Address, Bytes, U256};
use futures::StreamExt as _;
use openledger_chain::{Chain, ChainError};
use openledger_l1::{L1Client, L1Error};
use openledger_primitives::Block;
use openledger_protocol::{
    BlockRefError, FEED_MESSAGE_BYTES_MAX, FeedError, L2BlockRef, feed_block, feed_signer,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpStream, sync::watch};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{self, Message, http::StatusCode, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Pauses before connecting again: the first, and the longest.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing comes for so long is dead: the server pings more often.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How far ahead of this machine's clock a block may be (OP specification, "Block validation").
const AHEAD_MAX: u64 = 5;
/// `unsafeBlockSigner()` of the L1 `SystemConfig`.
const UNSAFE_BLOCK_SIGNER: [u8; 4] = [0x1f, 0xd1, 0x9e, 0xe1];
/// How long what L1 said of the signer counts; it is read no more often either, so that a stranger's
/// messages don't cost L1 requests.
const SIGNER_REFRESH: Duration = Duration::from_secs(30);

/// A feed to follow.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    url: Box<str>,
}

/// Why a feed's address can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a feed's address begins with ws:// or http://, unlike {url:?}")]
pub struct FeedConfigError {
    url: Box<str>,
}

impl FeedConfig {
    /// The feed of the node at `url`: its address as for JSON-RPC, or the feed's own.
    ///
    /// # Errors
    /// An address that is neither `ws://` nor `http://`.
    pub fn new(url: &str) -> Result<Self, FeedConfigError> {
        let refused = || FeedConfigError { url: url.into() };
        let rest = url
            .strip_prefix("ws://")
            .or_else(|| url.strip_prefix("http://"))
            .ok_or_else(refused)?;
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() || rest.contains(['?', '#']) {
            return Err(refused());
        }
        let path = if rest.ends_with("/feed") { "" } else { "/feed" };
        Ok(Self {
            url: format!("ws://{rest}{path}").into(),
        })
    }
}

/// Why a block of the feed was not imported, or the feed can't be followed.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("can't connect: {0}")]
    Connect(Box<tungstenite::Error>),
    #[error(
        "the feed no longer has block {from}: what comes before its blocks has to come from L1"
    )]
    TooOld { from: u64 },
    #[error("the server doesn't answer")]
    Silent,
    #[error("the connection ended")]
    Ended,
    #[error("malformed message: {0}")]
    Message(#[from] FeedError),
    #[error("a block is signed by {signer}, not by the chain's sequencer {expected}")]
    Signer { signer: Address, expected: Address },
    #[error("block {number} is {seconds} s ahead of the clock")]
    Ahead { number: u64, seconds: u64 },
    #[error("block {number} names no L1 origin: {source}")]
    Origin {
        number: u64,
        #[source]
        source: BlockRefError,
    },
    #[error("block {number} doesn't follow a block of this chain")]
    Gap { number: u64 },
    #[error("block {number} contradicts the safe chain")]
    Contradiction { number: u64 },
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the sequencer's address can't be read from L1: {0}")]
    L1(#[from] L1Error),
    #[error("the import was interrupted")]
    Interrupted,
}

/// What is wrong with a feed since its last block that could be imported, in words for an operator that name
/// no address.
pub type FeedTrouble = &'static str;

impl Problem {
    const fn trouble(&self) -> FeedTrouble {
        match self {
            Self::Connect(_) => "the feed can't be followed: it can't be connected to",
            Self::TooOld { .. } => "the feed can't be followed: it doesn't go back far enough",
            Self::Silent => "the feed can't be followed: its server doesn't answer",
            Self::Ended => "the feed can't be followed: the connection ended",
            Self::Message(_) | Self::Origin { .. } => {
                "the feed can't be followed: it tells what is no block"
            }
            Self::Signer { .. } => {
                "the feed can't be followed: its blocks are not signed by the chain's sequencer"
            }
            Self::Ahead { .. } => "the feed can't be followed: its blocks are ahead of the clock",
            Self::Gap { .. } => {
                "the feed can't be followed: its blocks don't follow those of this chain"
            }
            Self::Contradiction { .. } => {
                "the feed can't be followed: its blocks contradict the safe chain"
            }
            Self::Chain(_) | Self::Interrupted => {
                "the feed can't be followed: its blocks can't be imported"
            }
            Self::L1(_) => {
                "the feed can't be followed: L1 doesn't say whose signature its blocks need"
            }
        }
    }
}

/// What is wrong with a feed that was connected to again and has not told anything since.
const NO_BLOCK_YET: FeedTrouble =
    "the feed can't be followed: it is connected to, but tells no block";

/// Imports the blocks of a feed until `shutdown`; a connection that ends is made again. What is wrong goes
/// to `trouble`.
///
/// Blocks on top of the unsafe head are executed and become the new unsafe head. Where the sequencer
/// reorganized its own unsafe chain this one follows, down to the safe head and never below it.
pub async fn follow_feed(
    chain: Arc<Chain>,
    l1: L1Client,
    config: FeedConfig,
    trouble: watch::Sender<Option<FeedTrouble>>,
    shutdown: CancellationToken,
) {
    let mut follower = Follower {
        chain,
        l1,
        url: config.url,
        signer: None,
        from_safe: false,
        trouble,
    };
    let mut pause = RETRY_MIN;
    let mut failing = false;
    loop {
        let before = follower.chain.head().number;
        let problem = tokio::select! {
            () = shutdown.cancelled() => return,
            problem = follower.run(&mut failing) => problem,
        };
        if follower.chain.head().number > before {
            pause = RETRY_MIN;
        }
        follower.trouble.send_replace(Some(problem.trouble()));
        match &problem {
            // What comes next is asked for from further back.
            Problem::Gap { .. } if !follower.from_safe => follower.from_safe = true,
            problem if !failing => {
                failing = true;
                warn!(%problem, "the feed can't be followed, trying again");
            }
            _ => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY_MAX),
        }
    }
}

struct Follower {
    chain: Arc<Chain>,
    l1: L1Client,
    url: Box<str>,
    /// Who signs, and when that was read.
    signer: Option<(Address, tokio::time::Instant)>,
    /// Whether to ask from the safe head on: the unsafe chain is not the sequencer's any more.
    from_safe: bool,
    trouble: watch::Sender<Option<FeedTrouble>>,
}

impl Follower {
    /// Follows one connection to its end.
    async fn run(&mut self, failing: &mut bool) -> Problem {
        let mut socket = match self.connect().await {
            Ok(socket) => socket,
            Err(problem) => return problem,
        };
        if self.trouble.borrow().is_some() {
            self.trouble.send_replace(Some(NO_BLOCK_YET));
        }
        loop {
            let message = match tokio::time::timeout(SILENCE_MAX, socket.next()).await {
                Err(_) => return Problem::Silent,
                Ok(None | Some(Ok(Message::Close(_)))) => return Problem::Ended,
                Ok(Some(Err(error))) => return Problem::Connect(error.into()),
                Ok(Some(Ok(Message::Binary(message)))) => message,
                // Pings are answered by the library.
                Ok(Some(Ok(_))) => continue,
            };
            match self.import(message).await {
                Ok(()) => {
                    self.from_safe = false;
                    self.trouble
                        .send_if_modified(|trouble| trouble.take().is_some());
                    if std::mem::take(failing) {
                        info!("the feed can be followed again");
                    }
                }
                Err(problem) => return problem,
            }
        }
    }

    async fn connect(&self) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Problem> {
        let heads = self.chain.heads();
        let newest = if self.from_safe {
            heads.safe.number
        } else {
            heads.unsafe_head.number
        };
        let from = newest.saturating_add(1);
        let url = format!("{}?from={from}", self.url);
        let config = WebSocketConfig::default()
            .max_message_size(Some(FEED_MESSAGE_BYTES_MAX))
            .max_frame_size(Some(FEED_MESSAGE_BYTES_MAX));
        let connecting = connect_async_with_config(url, Some(config), true);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Err(_) => Err(Problem::Silent),
            Ok(Err(error)) => Err(refused(error, from)),
            Ok(Ok((socket, _))) => Ok(socket),
        }
    }

    /// Checks and executes a message's block.
    async fn import(&mut self, message: tungstenite::Bytes) -> Result<(), Problem> {
        let chain_id = self.chain.config().l2_chain_id;
        let signed = message.clone();
        let signer = blocking(move || feed_signer(chain_id, &signed)).await??;
        self.check_signer(signer).await?;
        let chain = self.chain.clone();
        blocking(move || import(&chain, &feed_block(&message)?)).await?
    }

    /// Whether the chain's sequencer signed, as L1 names it.
    async fn check_signer(&mut self, signer: Address) -> Result<(), Problem> {
        // What L1 said counts for a while only, whoever signs: keys are replaced for a reason.
        let known = self
            .signer
            .filter(|(_, read)| read.elapsed() < SIGNER_REFRESH);
        let expected = match known {
            Some((expected, _)) => expected,
            None => {
                let expected = self.read_signer().await?;
                self.signer = Some((expected, tokio::time::Instant::now()));
                expected
            }
        };
        if signer == expected {
            return Ok(());
        }
        Err(Problem::Signer { signer, expected })
    }

    async fn read_signer(&self) -> Result<Address, Problem> {
        let contract = self.chain.config().l1_system_config_address;
        let data = Bytes::copy_from_slice(&UNSAFE_BLOCK_SIGNER);
        let answer = self.l1.call(contract, data, Default::default()).await?;
        // An answer of another form is nobody's address.
        let word = U256::try_from_be_slice(&answer).unwrap_or_default();
        Ok(Address::from_word(word.into()))
    }
}

/// Why a server doesn't let a subscriber in who asks from block `from` on.
fn refused(error: tungstenite::Error, from: u64) -> Problem {
    match &error {
        tungstenite::Error::Http(answer) if answer.status() == StatusCode::GONE => {
            Problem::TooOld { from }
        }
        _ => Problem::Connect(error.into()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Problem::Interrupted)
}

/// Imports a signed block: does nothing if the chain has it, unwinds the unsafe chain if it forks off
/// there.
fn import(chain: &Chain, block: &Block) -> Result<(), Problem> {
    let header = &block.header;
    let number = header.number;
    let hash = header.hash_slow();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    if header.timestamp > now.saturating_add(AHEAD_MAX) {
        return Err(Problem::Ahead {
            number,
            seconds: header.timestamp.saturating_sub(now),
        });
    }
    let canonical = |number| chain.store().block_hash(number).map_err(ChainError::from);
    if canonical(number)? == Some(hash) {
        return Ok(());
    }
    let heads = chain.heads();
    if number <= heads.safe.number {
        return Err(Problem::Contradiction { number });
    }
    let parent = number.saturating_sub(1);
    if canonical(parent)? != Some(header.parent_hash) {
        return Err(Problem::Gap { number });
    }
    // A block that names no origin would stop derivation, which reads it back.
    L2BlockRef::from_block(block, &chain.config().genesis)
        .map_err(|source| Problem::Origin { number, source })?;
    if parent < heads.unsafe_head.number {
        info!(
            to = parent,
            from = heads.unsafe_head.number,
            "the sequencer reorganized its unsafe chain"
        );
        chain.unwind_unsafe(parent)?;
    }
    match chain.import(block) {
        Ok(_) => Ok(()),
        // The safe chain moved meanwhile.
        Err(ChainError::NotChild { .. }) => Err(Problem::Gap { number }),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_is_found_from_the_node_s_address() {
        for url in [
            "http://node:8545",
            "ws://node:8545/",
            "ws://node:8545/feed",
            "http://node:8545/feed/",
        ] {
            assert_eq!(&*FeedConfig::new(url).unwrap().url, "ws://node:8545/feed");
        }
        for url in ["node:8545", "ftp://node", "ws://", "ws://node?x=1", ""] {
            assert!(FeedConfig::new(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_feed_that_does_not_go_back_so_far_is_told_apart() {
        let answer = |status| {
            let answer = tungstenite::http::Response::builder().status(status);
            refused(
                tungstenite::Error::Http(answer.body(None).unwrap().into()),
                7,
            )
        };
        assert!(matches!(answer(410), Problem::TooOld { from: 7 }));
        assert!(matches!(answer(503), Problem::Connect(_)));
    }

    #[test]
    fn the_selector_is_the_function_s() {
        let hash = alloy_primitives::keccak256("unsafeBlockSigner()");
        assert_eq!(UNSAFE_BLOCK_SIGNER, hash[..4]);
    }
}
