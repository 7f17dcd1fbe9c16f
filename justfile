# Recipes for developers: `just` lists them.

_list:
    @just --list

# Everything that must hold before a change is merged
check:
    .ci/run

# The tests
test:
    cargo test --workspace

# Pages per second, whole and of each stage, over the documents of FOLDER; then the encoder and the PDF reader alone
bench folder="fixtures":
    cargo build --release
    data="$(mktemp -d)"; cargo run --release --quiet -- run pipelines/disclosures.toml {{folder}} --data "$data" --quiet > "$data/report.txt" || [ $? -eq 3 ]; grep -E '^(Pages|Time|時間|頁數)' "$data/report.txt"; rm -r "$data"
    cargo bench --bench encoder
    cargo bench --bench extraction

# Make the documents under fixtures/ from their sources
fixtures:
    cargo run --example make_fixtures
