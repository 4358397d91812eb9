#!/usr/bin/env bash
# Set-up, build and every test that this machine can run: those of the CPU build, and where nvcc and
# an NVIDIA GPU are at hand all of them on the GPU, too. Ends with one line that says it all.
#
#   utilities/run_tests.sh           all tests but those labelled long
#   utilities/run_tests.sh --long    these too, and everything again under the sanitizers
#
# Exit code 0 only if every test passed, but those that said why they skip. See doc/testing.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/phases.sh"

with_long=false
case ${1:-} in
  '') ;;
  --long) with_long=true ;;
  *) die "unknown option $1: nothing or --long" ;;
esac

passed=0 failed=0 skipped=0 sound=true

# Runs the tests of one preset and adds up how they ended; CTest has the last word on success.
test_preset() {
  local preset=$1 report=$root/build/$1/tests.xml counts
  shift
  rm -f "$report"
  ctest --test-dir "$root/build/$preset" -j "$(nproc)" --output-on-failure --no-tests=error \
    --output-junit "$report" "$@" || sound=false
  read -ra counts <<< "$("$root/utilities/test_counts.sh" "$report" || echo 0 1 0)"
  passed=$((passed + counts[0])) failed=$((failed + counts[1])) skipped=$((skipped + counts[2]))
}

phase set-up
"$root/utilities/setup.sh" --tests
phase build
build_preset cpu-release
phase tests
if $with_long; then test_preset cpu-release; else test_preset cpu-release -LE long; fi
if command -v nvcc > /dev/null && bash "$root/tests/support/on_gpu.sh" true; then
  phase "build for the GPU"
  build_preset cuda
  phase "tests on the GPU"
  test_preset cuda -LE long
fi
if $with_long; then
  phase "build for the sanitizers"
  build_preset cpu-debug
  phase "tests under the sanitizers"
  test_preset cpu-debug
fi
phase

echo "$script: $(minutes $SECONDS) in all: $phase_times"
echo "$passed passed, $failed failed, $skipped skipped"
$sound && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
