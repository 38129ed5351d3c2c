//! Who writes and who reads each value, and an order in which every node comes after its sources.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::error::{ImportError, node_name, shown};
use crate::proto::{GraphProto, NodeProto};

/// Most nodes of a file; constants are nodes too.
pub(crate) const MAX_FILE_NODES: usize = 1 << 14;

/// The nodes that the output needs.
pub(crate) struct Plan<'m> {
    /// Positions in the file, each after its sources.
    pub(crate) order: Vec<usize>,
    /// How many live nodes read each value, the output counting as one more.
    pub(crate) readers: HashMap<&'m str, usize>,
}

/// Orders the nodes that lead to `output`; `given` holds the names of input and initializers.
pub(crate) fn plan<'m>(
    graph: &'m GraphProto,
    given: &HashSet<&'m str>,
    output: &'m str,
) -> Result<Plan<'m>, ImportError> {
    if graph.node.len() > MAX_FILE_NODES {
        return Err(ImportError::TooManyRecords { most: MAX_FILE_NODES });
    }
    let writers = writers(graph, given)?;
    for (index, node) in graph.node.iter().enumerate() {
        for name in sources(node) {
            if !given.contains(name) && !writers.contains_key(name) {
                let reader = format!("{} {}", shown(&node.op_type), node_name(index, &node.name));
                return Err(ImportError::Dangling { reader, name: shown(name) });
            }
        }
    }
    if !given.contains(output) && !writers.contains_key(output) {
        let reader = "the model's output".to_owned();
        return Err(ImportError::Dangling { reader, name: shown(output) });
    }
    let order = sorted(graph, &writers)?;
    let live = live(graph, &writers, output);
    let order: Vec<usize> = order.into_iter().filter(|index| live.contains(index)).collect();
    let mut readers = HashMap::from([(output, 1)]);
    for name in order.iter().filter_map(|&index| graph.node.get(index)).flat_map(sources) {
        *readers.entry(name).or_insert(0) += 1;
    }
    Ok(Plan { order, readers })
}

/// The names that a node reads; an empty one stands for an optional input that is left out.
fn sources(node: &NodeProto) -> impl Iterator<Item = &str> {
    node.input.iter().map(String::as_str).filter(|name| !name.is_empty())
}

/// Which node writes each value.
fn writers<'m>(
    graph: &'m GraphProto,
    given: &HashSet<&'m str>,
) -> Result<HashMap<&'m str, usize>, ImportError> {
    let mut writers = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().map(String::as_str).filter(|name| !name.is_empty()) {
            if given.contains(name) || writers.insert(name, index).is_some() {
                return Err(ImportError::DuplicateName { name: shown(name) });
            }
        }
    }
    Ok(writers)
}

/// All nodes, each after its sources; as in the file where that is possible (Kahn 1962).
fn sorted(graph: &GraphProto, writers: &HashMap<&str, usize>) -> Result<Vec<usize>, ImportError> {
    let mut waits_for: Vec<usize> = Vec::with_capacity(graph.node.len());
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); graph.node.len()];
    for (index, node) in graph.node.iter().enumerate() {
        let mut waits = 0;
        for writer in sources(node).filter_map(|name| writers.get(name)) {
            if let Some(dependants) = dependants.get_mut(*writer) {
                dependants.push(index);
                waits += 1;
            }
        }
        waits_for.push(waits);
    }
    let mut ready: BTreeSet<usize> = waits_for
        .iter()
        .enumerate()
        .filter(|(_, waits)| **waits == 0)
        .map(|(index, _)| index)
        .collect();
    let mut order = Vec::with_capacity(graph.node.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &dependant in dependants.get(index).into_iter().flatten() {
            if let Some(waits) = waits_for.get_mut(dependant) {
                *waits -= 1;
                if *waits == 0 {
                    ready.insert(dependant);
                }
            }
        }
    }
    if order.len() == graph.node.len() {
        return Ok(order);
    }
    Err(ImportError::Cycle { nodes: circle(graph, writers, &waits_for) })
}

/// Some circle among the nodes that still wait: each of them has a source that waits too.
fn circle(graph: &GraphProto, writers: &HashMap<&str, usize>, waits_for: &[usize]) -> Vec<String> {
    const MOST: usize = 10;
    let waits = |index: &usize| waits_for.get(*index).is_some_and(|&waits| waits > 0);
    let source_of = |index: usize| {
        let node = graph.node.get(index)?;
        sources(node).filter_map(|name| writers.get(name).copied()).find(waits)
    };
    let mut path = Vec::new();
    let mut seen = HashMap::new();
    let mut next = (0..graph.node.len()).find(waits);
    while let Some(index) = next {
        if let Some(start) = seen.insert(index, path.len()) {
            path.drain(..start);
            break;
        }
        path.push(index);
        next = source_of(index);
    }
    // The path ran against the edges.
    path.reverse();
    let named = |index: usize| graph.node.get(index).map(|node| node_name(index, &node.name));
    path.into_iter().take(MOST).filter_map(named).collect()
}

/// The nodes that lead to the output.
fn live(graph: &GraphProto, writers: &HashMap<&str, usize>, output: &str) -> HashSet<usize> {
    let mut live = HashSet::new();
    let mut open: Vec<usize> = writers.get(output).copied().into_iter().collect();
    while let Some(index) = open.pop() {
        if live.insert(index)
            && let Some(node) = graph.node.get(index)
        {
            open.extend(sources(node).filter_map(|name| writers.get(name).copied()));
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: &[(&str, &[&str], &str)]) -> GraphProto {
        let node = |&(name, input, output): &(&str, &[&str], &str)| NodeProto {
            name: name.to_owned(),
            input: input.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            op_type: "Add".to_owned(),
            ..NodeProto::default()
        };
        GraphProto { node: nodes.iter().map(node).collect(), ..GraphProto::default() }
    }

    #[test]
    fn nodes_are_sorted_and_dead_ones_left_out() {
        let graph =
            graph(&[("b", &["a", ""], "y"), ("dead", &["y"], "z"), ("a", &["x", "x"], "a")]);
        let plan = plan(&graph, &HashSet::from(["x"]), "y").unwrap();
        assert_eq!(plan.order, [2, 0]);
        assert_eq!(plan.readers, HashMap::from([("x", 2), ("a", 1), ("y", 1)]));
    }

    #[test]
    fn circles_are_named_in_order() {
        let graph = graph(&[
            ("after", &["c"], "y"),
            ("first", &["c"], "a"),
            ("second", &["a", "x"], "b"),
            ("third", &["b"], "c"),
        ]);
        let Err(ImportError::Cycle { nodes }) = plan(&graph, &HashSet::from(["x"]), "y") else {
            panic!("a circle was accepted");
        };
        let names = ["\"first\" (node 1)", "\"second\" (node 2)", "\"third\" (node 3)"];
        assert_eq!(nodes.len(), 3);
        let start = names.iter().position(|name| *name == nodes[0]).unwrap();
        assert!((0..3).all(|i| nodes[i] == names[(start + i) % 3]), "{nodes:?}");
    }

    #[test]
    fn names_must_be_written_once() {
        let given = HashSet::from(["x"]);
        for nodes in [
            [("a", &["x"] as &[_], "x"), ("b", &["x"], "y")],
            [("a", &["x"], "y"), ("b", &["x"], "y")],
        ] {
            let broken = graph(&nodes);
            let refused = plan(&broken, &given, "y");
            assert!(matches!(refused, Err(ImportError::DuplicateName { .. })));
        }
        for nodes in [[("a", &["nowhere"] as &[_], "y")], [("a", &["x"], "elsewhere")]] {
            let broken = graph(&nodes);
            let refused = plan(&broken, &given, "y");
            assert!(matches!(refused, Err(ImportError::Dangling { .. })));
        }
    }
}
