#!/usr/bin/env bash
# Counts how the tests of a CTest report ended and prints 'PASSED FAILED SKIPPED'.
#
#   utilities/test_counts.sh TESTS.xml       (written by ctest --output-junit)
#
# Skipped is only a test that said so itself, by its exit code or by GoogleTest's words. CTest calls
# a test skipped, too, that it could not run (no executable, no fixture, no file): that one failed.
set -euo pipefail

report=${1:?which report}
grep -q '^</testsuite>' "$report" || {
  echo "$0: $report is not a whole report of CTest" >&2
  exit 1
}
count() { grep -cE "^[[:space:]]*<$1" "$report" || true; }
tests=$(count 'testcase name=')
passed=$(count 'testcase name=.* status="run">')
skipped=$(count 'skipped message="SKIP_(RETURN_CODE|REGULAR_EXPRESSION)')
echo "$passed $((tests - passed - skipped)) $skipped"
