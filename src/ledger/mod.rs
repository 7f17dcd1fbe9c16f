//! The data folder: artefacts, runs, flags, outbox rows and the audit chain (SQLite in WAL mode).
