use super::*;
use crate::infer::{
    Policy, Voucher,
    calls::{Paid, Record},
    chain::Channel,
};
use alloy_primitives::{Address, Bytes, keccak256};
use alloy_signer_local::PrivateKeySigner;
use std::time::Duration;

const PRICES: Prices = Prices {
    price_in: 1_000,
    price_out: 2_000,
};
const NOW: u64 = 1_000;

/// A worker, a payer and a channel between them.
struct World {
    terms: Terms,
    key: PrivateKeySigner,
    view: ChannelView,
}

impl World {
    fn new() -> Self {
        let key = PrivateKeySigner::random();
        let worker = Address::repeat_byte(3);
        let terms = Terms {
            chain_id: 1,
            worker,
            adapter: 4,
            platform_fee: 5,
            tokens_out_max: 10,
            expiry_min_seconds: 100,
            unpaid: Duration::ZERO,
            parallel: 1,
            dims: Vec::new(),
        };
        let channel = Channel {
            payer: key.address(),
            adapter: 4,
            policyVersion: 0,
            payee: worker,
            counted: 0,
            closed: false,
            locked: 1_000,
            paid: 0,
            platformFee: 5,
            openedAt: 1,
            closesAt: 0,
        };
        let view = ChannelView {
            channel,
            policy: None,
            now: NOW,
        };
        Self { terms, key, view }
    }

    fn request(&self) -> CallRequest {
        self.request_by(&self.key, 1)
    }

    fn request_by(&self, key: &PrivateKeySigner, number: u64) -> CallRequest {
        let channel = B256::repeat_byte(1);
        CallRequest::new(key, 1, channel, number, "prompt".to_owned(), 10).unwrap()
    }

    fn check_request(&self) -> Result<Header, Refusal> {
        check_request(&self.terms, &self.request(), &self.view)
    }

    /// The channel with one offered call, of 23 wei and the fee.
    fn offered(&self) -> Replay {
        let mut replay = Replay::new(self.check_request().unwrap());
        let call = Call {
            number: 1,
            prompt_hash: keccak256("prompt"),
            output_hash: keccak256("output"),
            tokens_in: 3,
            tokens_out: 10,
            price: 23,
            sketches: Vec::new(),
        };
        replay.apply(Record::Offered(call)).unwrap();
        replay
    }
}

fn name<T>(outcome: Result<T, Refusal>) -> &'static str {
    outcome.map_or_else(|refusal| refusal.name(), |_| "served")
}

#[test]
fn only_channels_on_the_worker_s_terms_are_served() {
    let check = |change: fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        name(world.check_request())
    };
    assert_eq!(check(|_| {}), "served");
    assert_eq!(check(|world| world.view.channel.platformFee = 6), "served");
    for (change, expected) in [
        (
            (|world| world.view.channel.openedAt = 0) as fn(&mut World),
            "unknownChannel",
        ),
        (|world| world.terms.worker = Address::ZERO, "otherPayee"),
        (|world| world.view.channel.adapter = 5, "otherAdapter"),
        (
            |world| world.view.channel.platformFee = 4,
            "platformFeeTooLow",
        ),
        (|world| world.view.channel.closed = true, "channelClosing"),
        (
            |world| world.view.channel.closesAt = 9_999,
            "channelClosing",
        ),
        (|world| world.terms.tokens_out_max = 9, "tooManyTokens"),
        (|world| world.terms.chain_id = 2, "notSigned"),
        (
            |world| world.view.channel.payer = Address::ZERO,
            "notSigned",
        ),
    ] {
        assert_eq!(check(change), expected);
    }
    let world = World::new();
    let mut long = world.request();
    long.prompt = "x".repeat(PROMPT_BYTES_MAX + 1);
    assert_eq!(
        name(check_request(&world.terms, &long, &world.view)),
        "promptTooLong"
    );
}

#[test]
fn the_signer_of_a_policy_calls_too() {
    let mut world = World::new();
    let signer = PrivateKeySigner::random();
    let request = world.request_by(&signer, 1);
    let check = |world: &World| name(check_request(&world.terms, &request, &world.view));
    assert_eq!(check(&world), "notSigned");
    let mut policy = Policy {
        call_max: 1,
        channel_max: 1,
        day_max: 1,
        signer: Address::ZERO,
        adapters: Vec::new(),
        payees: Vec::new(),
    };
    world.view.policy = Some(policy.clone());
    assert_eq!(check(&world), "notSigned");
    policy.signer = signer.address();
    world.view.policy = Some(policy);
    assert_eq!(check(&world), "served");
}

#[test]
fn the_lock_has_to_suffice_for_whatever_a_call_comes_to() {
    let mut world = World::new();
    let replay = Replay::new(world.check_request().unwrap());
    let check = |number: u64, world: &World| {
        let request = world.request_by(&world.key, number);
        name(check_next(&request, &replay, &world.view, &PRICES))
    };
    // 6 bytes and 256 more, 10 tokens out, the platform fee.
    world.view.channel.locked = 6 + 256 + 20 + 5;
    assert_eq!(check(1, &world), "served");
    assert_eq!(check(2, &world), "notNext");
    assert_eq!(check(0, &world), "notNext");
    world.view.channel.locked -= 1;
    assert_eq!(check(1, &world), "lockTooSmall");
}

#[test]
fn a_voucher_is_taken_if_the_chain_would_pay_it() {
    let sign = |world: &World, change: &dyn Fn(&mut Voucher)| {
        let replay = world.offered();
        let mut voucher = replay
            .voucher_with(replay.offered().unwrap(), NOW + 100)
            .unwrap();
        change(&mut voucher);
        voucher.sign(&world.key, 1).unwrap()
    };
    let check = |world: &World, signed: &SignedVoucher| {
        name(check_voucher(
            &world.terms,
            &world.offered(),
            signed,
            &world.view,
        ))
    };
    let world = World::new();
    let good = sign(&world, &|_| {});
    assert_eq!(good.voucher.cumulative, U256::from(28));
    assert_eq!(check(&world, &good), "served");
    for (change, expected) in [
        (
            &(|voucher: &mut Voucher| voucher.cumulative -= U256::from(1)) as &dyn Fn(&mut Voucher),
            "otherVoucher",
        ),
        (
            &|voucher| voucher.cumulative += U256::from(1),
            "otherVoucher",
        ),
        (&|voucher| voucher.count += 1, "otherVoucher"),
        (&|voucher| voucher.leaves_root = B256::ZERO, "otherVoucher"),
        (&|voucher| voucher.channel = B256::ZERO, "otherVoucher"),
        (&|voucher| voucher.payee = Address::ZERO, "otherAccounts"),
        (&|voucher| voucher.payer = Address::ZERO, "otherAccounts"),
        (&|voucher| voucher.expiry -= 1, "expiresTooSoon"),
    ] {
        assert_eq!(check(&world, &sign(&world, change)), expected);
    }
    let mut unsigned = good.clone();
    unsigned.signature = Bytes::from(vec![27; 65]);
    assert_eq!(check(&world, &unsigned), "notSigned");
    let mut other = World::new();
    (other.key, other.view.channel.payer) = (world.key.clone(), world.key.address());
    other.view.channel.locked = 27;
    assert_eq!(check(&other, &good), "lockTooSmall");
    other.view.channel.locked = 28;
    assert_eq!(check(&other, &good), "served");
    // There is time to settle it, or there isn't.
    other.view.channel.closesAt = NOW + SETTLE_SECONDS_MIN + 1;
    let leaving =
        |view: &ChannelView| name(check_voucher(&other.terms, &world.offered(), &good, view));
    assert_eq!(leaving(&other.view), "served");
    let mut view = other.view.clone();
    view.channel.closesAt -= 1;
    assert_eq!(leaving(&view), "channelClosing");
    view.policy = Some(Policy {
        call_max: 27,
        channel_max: 1_000,
        day_max: 1_000,
        signer: Address::ZERO,
        adapters: Vec::new(),
        payees: Vec::new(),
    });
    view.channel.closesAt = 0;
    assert_eq!(leaving(&view), "policy");
    // It is paid; signed again it may be good for longer. An older one is nobody's offer.
    let mut paid = world.offered();
    paid.apply(Record::Paid(Paid::of(&good))).unwrap();
    let check =
        |signed: &SignedVoucher| name(check_voucher(&world.terms, &paid, signed, &world.view));
    assert_eq!(check(&good), "alreadyPaid");
    assert_eq!(
        check(&sign(&world, &|voucher| voucher.expiry += 1)),
        "served"
    );
    let less = sign(&world, &|voucher| {
        voucher.expiry += 1;
        voucher.cumulative -= U256::from(1);
    });
    assert_eq!(check(&less), "otherVoucher");
    assert_eq!(
        check(&sign(&world, &|voucher| voucher.count = 0)),
        "nothingOffered"
    );
}
