//! Record batches (magic 2) as a view over bytes.
