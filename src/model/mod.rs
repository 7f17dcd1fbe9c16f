//! Local models through Candle: registry, digests, tokenizer, encoder. Imports no stage.
