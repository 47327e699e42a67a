# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, never run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=${0##*/}
say() { echo "$script: $*"; }
die() { echo "$script: $*" >&2; exit 1; }

# The Node of node_modules (pinned, runs TypeScript) comes before any Node of the machine.
use_pinned_node() { PATH=$PWD/node_modules/.bin:$PATH; }

# Builds what is out of date. Two at once in one tree take turns: the second then finds nothing to do.
build() {
  mkdir -p build
  (
    flock 8
    bash scripts/build-bpf 8>&-
    bash scripts/build-native 8>&-
    bash scripts/build-ts 8>&-
  ) 8>build/.build.lock
}
