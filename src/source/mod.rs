//! What arrives: sources poll for what is new and give batches, rejects and the next cursor.
