use super::{
    super::{
        ANCESTORS_MAX,
        lineage::{Lineage, LineageError, Node, NodeSource, Parent, is_ancestor},
    },
    *,
};
use alloc::{vec, vec::Vec};
use proptest::{collection::vec as many, prelude::*};

/// A graph in memory that counts its reads.
#[derive(Debug, Clone, Default)]
struct Graph {
    nodes: BTreeMap<u64, Node>,
    reads: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no node {0}")]
struct NoNode(u64);

impl NodeSource for Graph {
    type Error = NoNode;

    fn node(&mut self, id: u64) -> Result<Node, NoNode> {
        self.reads.push(id);
        self.nodes.get(&id).cloned().ok_or(NoNode(id))
    }
}

impl Graph {
    fn insert(&mut self, id: u64, abs_bps: u16, base: Option<u64>, parents: &[(u64, u16)]) {
        let parents = parents
            .iter()
            .map(|(id, rel_bps)| Parent {
                id: *id,
                rel_bps: *rel_bps,
            })
            .collect();
        let node = Node {
            abs_bps,
            base,
            parents,
        };
        self.nodes.insert(id, node);
    }

    fn lineage(&mut self, start: u64) -> Lineage {
        let node = self.nodes[&start].clone();
        Lineage::read(start, node, self).unwrap()
    }

    fn ancestors(&self, start: u64) -> Vec<u64> {
        let mut reached = vec![start];
        let mut next = 0;
        while let Some(id) = reached.get(next) {
            let node = &self.nodes[id];
            let above = node.parents.iter().map(|parent| parent.id);
            let above: Vec<_> = above.chain(node.base).collect();
            for id in above {
                if !reached.contains(&id) {
                    reached.push(id);
                }
            }
            next += 1;
        }
        reached.remove(0);
        reached.sort_unstable();
        reached
    }
}

/// What flows into `id`, by the definition: the children's inflows, each times the edge's share, rounded
/// down.
fn inflow(
    graph: &Graph,
    nodes: &[u64],
    start: u64,
    rest: U256,
    id: u64,
    known: &mut BTreeMap<u64, U256>,
) -> U256 {
    if id == start {
        return rest;
    }
    if let Some(known) = known.get(&id) {
        return *known;
    }
    let mut sum = U256::ZERO;
    for child in nodes {
        for parent in &graph.nodes[child].parents {
            if parent.id == id {
                let of_child = inflow(graph, nodes, start, rest, *child, known);
                sum += of_child * U256::from(parent.rel_bps) / U256::from(10_000);
            }
        }
    }
    known.insert(id, sum);
    sum
}

fn reference(graph: &Graph, start: u64, total: U256) -> Vec<(u64, U256)> {
    let ancestors = graph.ancestors(start);
    let absolute = |id: u64| total * U256::from(graph.nodes[&id].abs_bps) / U256::from(10_000);
    let rest = ancestors
        .iter()
        .fold(total, |rest, id| rest - absolute(*id));
    let nodes: Vec<u64> = ancestors.iter().copied().chain([start]).collect();
    let mut known = BTreeMap::new();
    nodes
        .iter()
        .map(|id| {
            let inflow = inflow(graph, &nodes, start, rest, *id, &mut known);
            let node = &graph.nodes[id];
            let kept = node.parents.iter().fold(inflow, |kept, parent| {
                kept - inflow * U256::from(parent.rel_bps) / U256::from(10_000)
            });
            let own = if *id == start {
                U256::ZERO
            } else {
                absolute(*id)
            };
            (*id, own + kept)
        })
        .collect()
}

prop_compose! {
    /// A base and up to 40 adapters, whose shares keep the registry's limits.
    fn graph()(
        base_abs in 0u16..1_000,
        adapters in many((0u16..100, many((any::<prop::sample::Index>(), 0u16..=10_000), 0..8)), 1..40),
    ) -> Graph {
        let mut graph = Graph::default();
        graph.insert(1, base_abs, None, &[]);
        for (id, (abs_bps, picks)) in (2u64..).zip(adapters) {
            let mut left = 10_000u16;
            let mut parents: Vec<(u64, u16)> = Vec::new();
            for (pick, rel_bps) in picks {
                let parent = 1 + pick.index(id as usize - 1) as u64;
                if parents.iter().all(|(id, _)| *id != parent) {
                    let rel_bps = rel_bps.min(left);
                    left -= rel_bps;
                    parents.push((parent, rel_bps));
                }
            }
            graph.insert(id, abs_bps, Some(1), &parents);
        }
        graph
    }
}

proptest! {
    #[test]
    fn the_flow_conserves_and_equals_its_definition(
        mut graph in graph(),
        start in any::<prop::sample::Index>(),
        total in prop_oneof![any::<u64>().prop_map(U256::from), (0u64..5).prop_map(U256::from)],
    ) {
        let start = 1 + start.index(graph.nodes.len()) as u64;
        let lineage = graph.lineage(start);
        let flow = royalty_flow(&lineage, total).unwrap();
        let sum = flow.iter().fold(U256::ZERO, |sum, (_, amount)| sum + amount);
        prop_assert_eq!(sum, total);
        prop_assert_eq!(&flow, &reference(&graph, start, total));
        prop_assert!(flow.is_sorted_by_key(|(id, _)| *id));
    }

    #[test]
    fn nothing_overflows(mut graph in graph(), high in any::<[u64; 4]>()) {
        let start = graph.nodes.len() as u64;
        let total = U256::from_limbs(high);
        let flow = royalty_flow(&graph.lineage(start), total).unwrap();
        let sum = flow.iter().fold(U256::ZERO, |sum, (_, amount)| sum + amount);
        prop_assert_eq!(sum, total);
    }

    #[test]
    fn the_lineage_is_read_once_a_node_by_descending_number(mut graph in graph()) {
        let start = graph.nodes.len() as u64;
        let lineage = graph.lineage(start);
        let ancestors = graph.ancestors(start);
        prop_assert_eq!(lineage.ancestors().collect::<Vec<_>>(), ancestors.clone());
        let descending: Vec<_> = ancestors.iter().rev().copied().collect();
        prop_assert_eq!(&graph.reads, &descending);
        for id in 0..=start + 1 {
            graph.reads.clear();
            let node = graph.nodes[&start].clone();
            let expected = ancestors.contains(&id);
            prop_assert_eq!(is_ancestor(start, &node, id, &mut graph), Ok(expected));
            prop_assert!(graph.reads.iter().all(|read| *read > id));
        }
    }

    #[test]
    fn flattened_datanets_sum_to_a_million(
        mut graph in graph(),
        picks in many(many((0u8..6, 1u16..10_000), 0..5), 40),
    ) {
        let start = graph.nodes.len() as u64;
        let mut weights = BTreeMap::new();
        for (id, picks) in (2u64..).zip(picks) {
            let mut left = 10_000u16;
            let count = picks.len();
            let list: Vec<Weight> = picks
                .into_iter()
                .enumerate()
                .map(|(index, (datanet, weight))| {
                    let weight_bps = if index + 1 == count { left } else { weight.min(left) };
                    left -= weight_bps;
                    Weight { datanet: B256::repeat_byte(datanet), weight_bps }
                })
                .collect();
            weights.insert(id, list);
        }
        let flow = royalty_flow(&graph.lineage(start), U256::from(PPM)).unwrap();
        let parts = flatten_datanets(&flow, &weights);
        prop_assert_eq!(parts.iter().map(|(_, part)| u64::from(*part)).sum::<u64>(), u64::from(PPM));
        prop_assert!(parts.iter().all(|(_, part)| *part > 0));
        prop_assert!(parts.is_sorted_by_key(|(datanet, _)| *datanet));
    }
}

/// A diamond merges before it flows on: 3 wei reach node 2 as 1 + 1, and half of 2 is 1, where half of 1
/// and half of 1 would be nothing.
#[test]
fn diamonds_merge() {
    let mut graph = Graph::default();
    graph.insert(1, 0, None, &[]);
    graph.insert(2, 0, Some(1), &[(1, 5_000)]);
    graph.insert(3, 0, Some(1), &[(2, 10_000)]);
    graph.insert(4, 0, Some(1), &[(2, 10_000)]);
    graph.insert(5, 0, Some(1), &[(3, 4_000), (4, 4_000)]);
    let flow = royalty_flow(&graph.lineage(5), U256::from(3)).unwrap();
    let amounts: Vec<u64> = flow.iter().map(|(_, amount)| amount.to()).collect();
    assert_eq!(amounts, [1, 1, 0, 0, 1]);
}

#[test]
fn a_base_that_nobody_lists_gets_its_absolute_share_alone() {
    let mut graph = Graph::default();
    graph.insert(1, 250, None, &[]);
    graph.insert(2, 5_000, Some(1), &[]);
    let flow = royalty_flow(&graph.lineage(2), U256::from(1_000)).unwrap();
    assert_eq!(flow, [(1, U256::from(25)), (2, U256::from(975))]);
    let flow = royalty_flow(&graph.lineage(1), U256::from(7)).unwrap();
    assert_eq!(flow, [(1, U256::from(7))]);
}

#[test]
fn largest_remainders_go_to_the_earlier_on_ties() {
    let weight = |byte, weight_bps| Weight {
        datanet: B256::repeat_byte(byte),
        weight_bps,
    };
    let weights = [weight(3, 3_333), weight(2, 3_333), weight(1, 3_334)];
    assert_eq!(largest_remainder(1, &weights), [0, 0, 1]);
    assert_eq!(largest_remainder(2, &weights), [1, 0, 1]);
    assert_eq!(largest_remainder(10, &weights), [3, 3, 4]);
    // Two entries of one datanet merge; nothing is declared under zero.
    let flow = [(1, U256::from(400_000)), (2, U256::from(600_000))];
    let declared = BTreeMap::from([(
        2,
        vec![weight(9, 2_500), weight(8, 5_000), weight(9, 2_500)],
    )]);
    assert_eq!(
        flatten_datanets(&flow, &declared),
        [
            (B256::ZERO, 400_000),
            (B256::repeat_byte(8), 300_000),
            (B256::repeat_byte(9), 300_000)
        ]
    );
}

#[test]
fn a_lineage_has_a_limit_and_no_cycle() {
    // A base and a chain: node n has n - 1 ancestors.
    let mut graph = Graph::default();
    graph.insert(1, 0, None, &[]);
    let last = ANCESTORS_MAX as u64 + 1;
    for id in 2..=last + 1 {
        graph.insert(id, 0, Some(1), &[(id - 1, 5_000)]);
    }
    assert_eq!(graph.lineage(last).ancestors().count(), ANCESTORS_MAX);
    let node = graph.nodes[&(last + 1)].clone();
    graph.reads.clear();
    assert_eq!(
        Lineage::read(last + 1, node.clone(), &mut graph),
        Err(LineageError::TooManyAncestors)
    );
    assert_eq!(graph.reads.len(), ANCESTORS_MAX);
    assert_eq!(
        is_ancestor(last + 1, &node, 0, &mut graph),
        Err(LineageError::TooManyAncestors)
    );

    for parent in [7, 8] {
        let mut graph = Graph::default();
        graph.insert(7, 0, None, &[(parent, 1)]);
        let node = graph.nodes[&7].clone();
        let error = LineageError::NotEarlier { child: 7, parent };
        assert_eq!(Lineage::read(7, node, &mut graph), Err(error));
    }
    let mut graph = Graph::default();
    graph.insert(7, 0, Some(3), &[]);
    let node = graph.nodes[&7].clone();
    assert_eq!(
        Lineage::read(7, node, &mut graph),
        Err(LineageError::Source(NoNode(3)))
    );
}

/// Shares beyond a whole are refused, not paid.
#[test]
fn shares_above_a_whole_have_no_flow() {
    let mut graph = Graph::default();
    graph.insert(1, 10_001, None, &[]);
    graph.insert(2, 0, Some(1), &[]);
    assert_eq!(royalty_flow(&graph.lineage(2), U256::from(10_000)), None);
    graph.insert(1, 0, None, &[]);
    graph.insert(2, 0, Some(1), &[(1, 10_001)]);
    assert_eq!(royalty_flow(&graph.lineage(2), U256::from(10_000)), None);
}
