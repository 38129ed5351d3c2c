//! Builds graphs one checked node at a time.

use super::{Graph, GraphError, Node, NodeId, infer};
use crate::tensor::Shape;

/// Most nodes a graph may have.
pub const MAX_NODES: usize = 4096;

/// Adds nodes one at a time, each checked against the shapes before it.
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
}

impl GraphBuilder {
    /// A graph with an input of the given shape and no nodes.
    #[must_use]
    pub fn new(input: Shape) -> Self {
        Self { nodes: Vec::new(), shapes: vec![input] }
    }

    /// The identifier of the graph's input.
    #[must_use]
    pub const fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Shape of the input or of the result of a node added before.
    #[must_use]
    pub fn shape(&self, id: NodeId) -> Option<Shape> {
        self.shapes.get(id.0).copied()
    }

    /// Adds a node and infers its shape.
    ///
    /// # Errors
    /// [`GraphError`] when an edge does not point backwards, a shape does not fit, or the graph
    /// is full. The builder is unchanged then.
    pub fn add(&mut self, node: Node) -> Result<NodeId, GraphError> {
        if self.nodes.len() == MAX_NODES {
            return Err(GraphError::TooManyNodes);
        }
        let id = NodeId(self.shapes.len());
        let refuse = |reason| GraphError::Node { node: id.0, operation: node.name(), reason };
        let shape = infer::output_shape(&node, |id| self.shape(id)).map_err(refuse)?;
        self.nodes.push(node);
        self.shapes.push(shape);
        Ok(id)
    }

    /// Closes the graph.
    ///
    /// # Errors
    /// [`GraphError::UnknownOutput`] when the output is not in the graph, [`GraphError::Unused`]
    /// when nothing reads the result of some node.
    pub fn finish(self, output: NodeId) -> Result<Graph, GraphError> {
        if output.0 >= self.shapes.len() {
            return Err(GraphError::UnknownOutput);
        }
        let graph = Graph { nodes: self.nodes, shapes: self.shapes, output };
        match graph.readers().iter().position(|&readers| readers == 0) {
            Some(node) => Err(GraphError::Unused { node }),
            None => Ok(graph),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ActivationKind, NodeError};
    use super::*;

    fn builder() -> GraphBuilder {
        GraphBuilder::new(Shape::new(2, 4, 4).unwrap())
    }

    fn relu(source: NodeId) -> Node {
        Node::Activation { source, kind: ActivationKind::Relu }
    }

    #[test]
    fn nodes_keep_their_order_and_shapes() {
        let mut builder = builder();
        let first = builder.add(relu(builder.input())).unwrap();
        let second = builder.add(relu(first)).unwrap();
        let sum = builder.add(Node::Add { left: first, right: second }).unwrap();
        let pool = builder.add(Node::GlobalAveragePool { source: sum }).unwrap();
        let graph = builder.finish(pool).unwrap();
        assert_eq!(graph.nodes().len(), 4);
        assert_eq!(graph.shape(graph.input()), Shape::new(2, 4, 4).unwrap());
        assert_eq!(graph.shape(graph.output()), Shape::vector(2).unwrap());
        assert_eq!(graph.readers(), [1, 2, 1, 1, 1]);
        assert_eq!(graph.activations().map(|(id, _)| id).collect::<Vec<_>>(), [first, second]);
        assert!(graph.node(graph.input()).is_none());
    }

    #[test]
    fn edges_must_point_backwards() {
        let mut longer = builder();
        let first = longer.add(relu(longer.input())).unwrap();
        let foreign = longer.add(relu(first)).unwrap();
        let mut builder = builder();
        builder.add(relu(builder.input())).unwrap();
        let refused = builder.add(relu(foreign));
        let reason = NodeError::NotBackwards(2);
        assert_eq!(refused, Err(GraphError::Node { node: 2, operation: "activation", reason }));
        assert_eq!(builder.finish(foreign), Err(GraphError::UnknownOutput));
    }

    #[test]
    fn unused_nodes_are_refused() {
        let mut builder = builder();
        let used = builder.add(relu(builder.input())).unwrap();
        builder.add(relu(used)).unwrap();
        assert_eq!(builder.finish(used), Err(GraphError::Unused { node: 2 }));
    }

    #[test]
    fn graphs_do_not_grow_for_ever() {
        let mut builder = builder();
        let mut last = builder.input();
        for _ in 0..MAX_NODES {
            last = builder.add(relu(last)).unwrap();
        }
        assert_eq!(builder.add(relu(last)), Err(GraphError::TooManyNodes));
    }
}
