//! Every sentence that an operator reads of a record.

mod news;
