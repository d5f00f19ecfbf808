//! A generic directed graph: order, subgraph, cycle path. Pure.
