//! What governance decides, from a person's appeal to what the timelock carries out: a rejected cluster is accepted after all, belongs to
//! somebody else, and a paused function says so.

use crate::datanet::{ALICE, BOB, OWNER, VALIDATORS, World};
use alloy_primitives::{Address, U256};
use alloy_provider::Provider;
use anyhow::{Context, ensure};
use openledger_client::{Node, Sender};
use openledger_economy::{
    contracts::{ClaimVault, DatanetRegistry, InferenceRouter},
    datanet::{Goal, Outcome, ReviewStatus, Score, appeal, review, space_of, status},
    governance::{Decision, Support, execute, proposal, queue, vote},
    votes::{Voter, Votes},
};
use openledger_primitives::predeploys::{CLAIM_VAULT, DATANET_REGISTRY, INFERENCE_ROUTER};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

const DATANET: U256 = U256::ONE;
/// How long anything may take on a machine that does other things as well.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Seconds until what is scheduled can be carried out, and one more (docs/spec/parameters.md).
const TIMELOCK: u64 = 3;

impl World {
    /// Lets the chain's time pass, which is ahead of the clock where blocks were made on demand.
    async fn pass(&self, node: &Node, seconds: u64) -> anyhow::Result<()> {
        let next = node.time().await? + seconds;
        let rpc = self.dev.rpc()?;
        let _: Value = rpc
            .raw_request("evm_setNextBlockTimestamp".into(), [next])
            .await?;
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    }

    /// Votes for a proposal as soon as that can be done, has it scheduled and carried out.
    async fn carry_out(&self, voter: &mut Sender, id: U256) -> anyhow::Result<()> {
        let found = proposal(voter.node(), id).await?;
        voter
            .await_time(found.vote_start + 1, "the vote is open")
            .await?;
        vote(voter, id, Support::For, "").await?;
        let now = voter.node().time().await?;
        let left = (found.vote_end + 1).saturating_sub(now);
        self.pass(voter.node(), left.max(2)).await?;
        queue(voter, &found).await?;
        self.pass(voter.node(), TIMELOCK).await?;
        // Anyone's to do.
        let mut anyone = self.sender(BOB).await?;
        execute(&mut anyone, &found).await
    }

    /// The number of the proposal that a command makes.
    fn propose(&self, arguments: &[&str]) -> anyhow::Result<U256> {
        let arguments = [
            &["governance"][..],
            arguments,
            &["--description", "for a test"],
        ]
        .concat();
        let said = self.ok(OWNER, &arguments)?;
        let number = said.lines().find_map(|line| line.strip_prefix("proposal"));
        Ok(number.context("a proposal")?.trim().parse()?)
    }
}

/// One cluster of Alice's, which both reviewers reject, and she appeals at once. Answers her bond.
async fn rejected(world: &World) -> anyhow::Result<U256> {
    for validator in VALIDATORS {
        world.ok(
            validator,
            &["stake", "register", "validator", "--amount", "100"],
        )?;
    }
    let create = ["datanet", "create", "--type", "text", "--licence", "MIT"];
    world.ok(OWNER, &create)?;
    world.write("a.txt", 1)?;
    world.ok(ALICE, &["datanet", "contribute", "1", "a.txt", "--mine"])?;
    let rejects = async |validator: &str| {
        let mut sender: Sender = world.sender(validator).await?;
        let voter = Voter::of(sender.node(), sender.account()).await?;
        let path = world.files.path().join(format!("votes-{validator}"));
        let mut votes = Votes::open(&path, voter)?;
        let scores = BTreeMap::from([(0, Score::new(10)?)]);
        review(&mut sender, &mut votes, DATANET, &scores, Goal::Outcome).await
    };
    let appeals = async {
        let mut sender = world.sender(ALICE).await?;
        loop {
            match appeal(&mut sender, DATANET, 0, "ipfs://reasons").await {
                Ok((bond, _)) => return anyhow::Ok(bond),
                Err(error) if error.to_string().contains("no outcome yet") => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error),
            }
        }
    };
    let all = async { tokio::try_join!(rejects(VALIDATORS[0]), rejects(VALIDATORS[1]), appeals) };
    let (found, _, bond) = tokio::time::timeout(TIMEOUT, all).await??;
    ensure!(found[0].outcome == Outcome::Rejected, "{found:?}");
    Ok(bond)
}

#[tokio::test]
async fn governance_decides_appeals_owners_and_pauses() -> anyhow::Result<()> {
    let world = World::start()?;
    world.ok(OWNER, &["governance", "wrap", "--amount", "200"])?;
    let bond = rejected(&world).await?;
    let mut owner = world.sender(OWNER).await?;
    let decision = Decision::appeal(DATANET, 0, true);
    let id = decision.propose(&mut owner, "it is good").await?;
    world.carry_out(&mut owner, id).await?;
    let refused = world.fails(ALICE, &["datanet", "appeal", "1", "0", "--uri", "again"])?;
    ensure!(refused.contains("its outcome is final"), "{refused}");

    let bob = world.address(BOB)?.to_string();
    let until = (owner.node().time().await? + 3_600).to_string();
    // What could not be carried out isn't voted on.
    for (wrong, why) in [
        (&["appeal", "1", "9", "--accept"][..], "WrongStatus"),
        (
            &["pause", "SKETCH.settle", "--until", &until],
            "NotPausable",
        ),
        (&["reassign", "1", "9", &bob], "UnknownCluster"),
    ] {
        let arguments = [&["governance"][..], wrong, &["--description", "wrong"]].concat();
        let refused = world.fails(OWNER, &arguments)?;
        ensure!(refused.contains(why), "{refused}");
    }
    let reassign = world.propose(&["reassign", "1", "0", &bob])?;
    world.carry_out(&mut owner, reassign).await?;
    let pause = ["pause", "SKETCH.commitContribution", "--until", &until];
    let pause = world.propose(&pause)?;
    world.carry_out(&mut owner, pause).await?;

    let found = status(owner.node(), DATANET, 1).await?;
    let cluster = &found.clusters[0];
    assert_eq!(
        (cluster.outcome, cluster.review),
        (Outcome::Accepted, ReviewStatus::Final)
    );
    // Upheld: the appeal's bond is back, with the contribution's.
    let payee = world.address(ALICE)?;
    let call = ClaimVault::claimableCall { payee };
    ensure!(owner.node().ask(CLAIM_VAULT, call).await? > bond);
    assert_eq!(owners(&owner).await?, [payee, bob.parse()?]);

    world.write("b.txt", 2)?;
    let refused = world.fails(ALICE, &["datanet", "contribute", "1", "b.txt", "--mine"])?;
    ensure!(
        refused.contains("function: commitContribution")
            && refused.contains("try again afterwards"),
        "{refused}"
    );
    world.dev.stop()
}

/// Whose the cluster is in the present epoch, and in the next one.
async fn owners(sender: &Sender) -> anyhow::Result<[Address; 2]> {
    let node = sender.node();
    let call = InferenceRouter::currentEpochCall {};
    let epoch = node.ask(INFERENCE_ROUTER, call).await?;
    let mut owners = [Address::ZERO; 2];
    for (owner, epoch) in owners.iter_mut().zip(epoch..) {
        let call = DatanetRegistry::payeesOfCall {
            space: space_of(DATANET),
            cluster: 0,
            epoch,
        };
        *owner = node.ask(DATANET_REGISTRY, call).await?.owner;
    }
    Ok(owners)
}
