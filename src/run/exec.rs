//! Execution along the graph.
