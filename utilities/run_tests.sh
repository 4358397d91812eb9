#!/usr/bin/env bash
# Set-up, build and every test that this machine can run. Ends with one line that says it all.
#
#   utilities/run_tests.sh           all tests but those labelled long
#   utilities/run_tests.sh --long    these too, and everything again under the sanitizers
#
# Exit code 0 only if every test that ran passed. See doc/testing.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/phases.sh"

with_long=false
case ${1:-} in
  '') ;;
  --long) with_long=true ;;
  *) die "unknown option $1: nothing or --long" ;;
esac

passed=0 failed=0 skipped=0

# Runs the tests of one preset and adds up how they ended.
test_preset() {
  local preset=$1 report=$root/build/$1/tests.xml counts
  shift
  rm -f "$report"
  ctest --test-dir "$root/build/$preset" -j "$(nproc)" --output-on-failure --no-tests=error \
    --output-junit "$report" "$@" || true
  [ -s "$report" ] || die "ctest of $preset wrote no report"
  counts=$(tr '\n' ' ' < "$report" | sed 's/<testcase.*//')
  count() { sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" <<< "$counts"; }
  local tests failures not_run
  tests=$(count tests) failures=$(count failures)
  not_run=$(($(count skipped) + $(count disabled)))
  failed=$((failed + failures)) skipped=$((skipped + not_run))
  passed=$((passed + tests - failures - not_run))
}

phase set-up
"$root/utilities/setup.sh" --tests
phase build
build_preset cpu-release
phase tests
if $with_long; then test_preset cpu-release; else test_preset cpu-release -LE long; fi
if $with_long; then
  phase "build for the sanitizers"
  build_preset cpu-debug
  phase "tests under the sanitizers"
  test_preset cpu-debug
fi
phase

echo "$script: $(minutes $SECONDS) in all: $phase_times"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
