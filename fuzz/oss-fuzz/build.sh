#!/bin/bash -eu
# Builds every fuzz target into $OUT, with seeds, dictionary and options where it has them. OSS-Fuzz
# sets SRC, WORK, OUT and the compilers' flags; `fuzz/oss-fuzz/try` does so elsewhere.

cd "$SRC/winpe-iscsi"
export CARGO_BUILD_TARGET_DIR=$WORK/target
cargo fuzz build -O --debug-assertions

seeds=$WORK/seeds
rm -rf "$seeds"
python3 fuzz/seed_text.py fixtures "$seeds"
python3 fuzz/seed_udf.py "$seeds"
# These generate seeds besides those from captured files, which are missing here.
python3 fuzz/seed.py fixtures "$seeds"
python3 fuzz/seed_wim.py fixtures "$seeds"
python3 fuzz/seed_netboot.py fixtures "$seeds"

for source in fuzz/fuzz_targets/*.rs; do
  target=$(basename "$source" .rs)
  cp "$CARGO_BUILD_TARGET_DIR/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
  if [ -n "$(ls -A "$seeds/$target" 2>/dev/null)" ]; then
    zip -jqr "$OUT/${target}_seed_corpus.zip" "$seeds/$target"
  fi
  for extra in "fuzz/dictionaries/$target.dict" "fuzz/options/$target.options"; do
    if [ -f "$extra" ]; then cp "$extra" "$OUT/"; fi
  done
done
