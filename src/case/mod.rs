//! Flags -> case management: rules, canonical events, outbox, connectors.
