//! The programs of examples/machines.
