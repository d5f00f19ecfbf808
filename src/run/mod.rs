//! Plan (what would run, and why) → run in parallel along the graph, in an overlay → audit there → publish one release.
