# Recipes for developers: `just` lists them.

_list:
    @just --list

# Everything that must hold before a change is merged
check:
    .ci/run

# The tests
test:
    cargo test --workspace

# Pages per second of each stage, over the documents of FOLDER
bench folder="fixtures":
    cargo build --release
    cargo run --release --quiet -- run pipelines/disclosures.toml {{folder}} --data "$(mktemp -d)" --json

# Make the documents under fixtures/ from their sources
fixtures:
    cargo run --example make_fixtures
