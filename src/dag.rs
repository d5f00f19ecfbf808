//! A generic directed graph: order, reach, subgraph, cycle path. Pure.
//!
//! Invariant: everything it returns is deterministic: it depends on the nodes and edges, not on the order of insertion.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A directed graph. An edge runs from a node to one that it depends on.
#[derive(Debug, Clone)]
pub struct Dag<K> {
    /// Node → what it depends on.
    parents: BTreeMap<K, BTreeSet<K>>,
    /// Node → what depends on it.
    children: BTreeMap<K, BTreeSet<K>>,
}

/// The graph has a cycle: each node of `path` depends on the next, and the last is the first again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle<K> {
    pub path: Vec<K>,
}

impl<K: fmt::Display> fmt::Display for Cycle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.path.iter().enumerate() {
            if i > 0 {
                f.write_str(" → ")?;
            }
            node.fmt(f)?;
        }
        Ok(())
    }
}

impl<K> Default for Dag<K> {
    fn default() -> Self {
        Self { parents: BTreeMap::new(), children: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Dag<K> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node without edges; one that is there already stays as it is.
    pub fn insert(&mut self, node: K) {
        self.children.entry(node.clone()).or_default();
        self.parents.entry(node).or_default();
    }

    /// `node` depends on `parent`. Both are added if they are new.
    pub fn depend(&mut self, node: K, parent: K) {
        self.insert(node.clone());
        self.insert(parent.clone());
        self.children.entry(parent.clone()).or_default().insert(node.clone());
        self.parents.entry(node).or_default().insert(parent);
    }

    pub fn contains(&self, node: &K) -> bool {
        self.parents.contains_key(node)
    }

    pub fn nodes(&self) -> impl Iterator<Item = &K> {
        self.parents.keys()
    }

    pub fn len(&self) -> usize {
        self.parents.len()
    }

    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// What `node` depends on directly.
    pub fn parents(&self, node: &K) -> impl Iterator<Item = &K> {
        self.parents.get(node).into_iter().flatten()
    }

    /// What depends on `node` directly.
    pub fn children(&self, node: &K) -> impl Iterator<Item = &K> {
        self.children.get(node).into_iter().flatten()
    }

    /// Every node after all that it depends on; among those that could come next, the least.
    pub fn order(&self) -> Result<Vec<K>, Cycle<K>> {
        let mut waiting: BTreeMap<&K, usize> = self.parents.iter().map(|(node, on)| (node, on.len())).collect();
        let mut ready: BTreeSet<&K> = waiting.iter().filter(|(_, n)| **n == 0).map(|(node, _)| *node).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(node) = ready.pop_first() {
            waiting.remove(node);
            order.push(node.clone());
            for child in self.children(node) {
                if let Some(left) = waiting.get_mut(child) {
                    *left -= 1;
                    if *left == 0 {
                        ready.insert(child);
                    }
                }
            }
        }
        if waiting.is_empty() { Ok(order) } else { Err(self.cycle_among(&waiting.into_keys().collect())) }
    }

    /// Walks from the least of `stuck`, each of which has a parent in `stuck`, until a node comes twice.
    fn cycle_among(&self, stuck: &BTreeSet<&K>) -> Cycle<K> {
        let mut path: Vec<&K> = Vec::new();
        let mut next = stuck.first().copied();
        while let Some(node) = next {
            if let Some(start) = path.iter().position(|seen| *seen == node) {
                path.drain(..start);
                // Begin with the least node, so that the same cycle always reads the same.
                let least = path.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(i, _)| i);
                path.rotate_left(least);
                path.extend(path.first().copied());
                break;
            }
            path.push(node);
            next = self.parents(node).find(|parent| stuck.contains(parent));
        }
        Cycle { path: path.into_iter().cloned().collect() }
    }

    /// All that `node` depends on, directly or not, up to `depth` edges away (`None`: any). Without the node itself.
    pub fn ancestors(&self, node: &K, depth: Option<usize>) -> BTreeSet<K> {
        Self::reach(&self.parents, node, depth)
    }

    /// All that depends on `node`, directly or not, up to `depth` edges away (`None`: any). Without the node itself.
    pub fn descendants(&self, node: &K, depth: Option<usize>) -> BTreeSet<K> {
        Self::reach(&self.children, node, depth)
    }

    fn reach(edges: &BTreeMap<K, BTreeSet<K>>, start: &K, depth: Option<usize>) -> BTreeSet<K> {
        let mut seen: BTreeSet<K> = BTreeSet::new();
        let mut frontier: Vec<&K> = vec![start];
        let mut distance = 0;
        while !frontier.is_empty() && depth.is_none_or(|limit| distance < limit) {
            let mut next = Vec::new();
            for neighbour in frontier.into_iter().flat_map(|node| edges.get(node).into_iter().flatten()) {
                if seen.insert(neighbour.clone()) {
                    next.push(neighbour);
                }
            }
            frontier = next;
            distance += 1;
        }
        seen.remove(start);
        seen
    }

    /// The nodes of `keep`. Paths through nodes left out become edges, so that the order among those kept stays.
    pub fn subgraph(&self, keep: &BTreeSet<K>) -> Self {
        let mut sub = Self::new();
        for node in keep.iter().filter(|node| self.contains(node)) {
            sub.insert(node.clone());
            let mut seen: BTreeSet<&K> = BTreeSet::new();
            let mut frontier: Vec<&K> = self.parents(node).collect();
            while let Some(parent) = frontier.pop() {
                if !seen.insert(parent) {
                    continue;
                }
                if keep.contains(parent) {
                    sub.depend(node.clone(), parent.clone());
                } else {
                    frontier.extend(self.parents(parent));
                }
            }
        }
        sub
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &'static str)]) -> Dag<&'static str> {
        let mut dag = Dag::new();
        for (node, parent) in edges {
            dag.depend(*node, *parent);
        }
        dag
    }

    fn set(nodes: &[&'static str]) -> BTreeSet<&'static str> {
        nodes.iter().copied().collect()
    }

    #[test]
    fn order_puts_parents_first_and_breaks_ties_by_name() {
        let dag = graph(&[("d", "b"), ("d", "c"), ("b", "a"), ("c", "a")]);
        assert_eq!(dag.order().unwrap(), ["a", "b", "c", "d"]);
        let mut other = graph(&[("c", "a"), ("d", "c"), ("b", "a"), ("d", "b")]);
        other.insert("_alone");
        assert_eq!(other.order().unwrap(), ["_alone", "a", "b", "c", "d"]);
    }

    #[test]
    fn a_cycle_is_named_by_its_path_from_its_least_node() {
        // `tail` hangs on the cycle and is not part of it.
        let dag = graph(&[("a_tail", "z"), ("z", "y"), ("y", "x"), ("x", "z"), ("x", "root")]);
        let cycle = dag.order().unwrap_err();
        assert_eq!(cycle.path, ["x", "z", "y", "x"]);
        assert_eq!(cycle.to_string(), "x → z → y → x");
        assert_eq!(graph(&[("a", "a")]).order().unwrap_err().path, ["a", "a"]);
    }

    #[test]
    fn reach_is_limited_by_depth() {
        let dag = graph(&[("d", "c"), ("c", "b"), ("b", "a"), ("e", "c")]);
        assert_eq!(dag.ancestors(&"d", None), set(&["a", "b", "c"]));
        assert_eq!(dag.ancestors(&"d", Some(1)), set(&["c"]));
        assert_eq!(dag.ancestors(&"d", Some(0)), set(&[]));
        assert_eq!(dag.descendants(&"b", None), set(&["c", "d", "e"]));
        assert_eq!(dag.descendants(&"unknown", None), set(&[]));
    }

    #[test]
    fn subgraph_keeps_the_order_through_what_is_left_out() {
        let dag = graph(&[("d", "c"), ("c", "b"), ("b", "a")]);
        let sub = dag.subgraph(&set(&["a", "d", "unknown"]));
        assert_eq!(sub.order().unwrap(), ["a", "d"]);
        assert_eq!(sub.parents(&"d").collect::<Vec<_>>(), [&"a"]);
    }
}
