//! What several tests need: not tests.
