//! Composition: configuration → everything wired → run until shutdown.
