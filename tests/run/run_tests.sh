# utilities/run_tests.sh itself, in a copy with a small set of tests: in its last line a test that
# CTest could not run is a failure, and skipped is only one that said so.
# labels: quick
# processors: 1
# timeout: 120
set -euo pipefail
rm -rf ./*
mkdir -p copy/utilities tools
cp "$JESPR_SOURCE_DIR"/utilities/{run_tests,phases,test_counts}.sh copy/utilities/
printf '#!/bin/sh\n' > copy/utilities/setup.sh
chmod +x copy/utilities/setup.sh
cat > copy/CMakePresets.json << 'END'
{"version": 6, "configurePresets": [{"name": "cpu-release", "generator": "Ninja",
 "binaryDir": "${sourceDir}/build/${presetName}"}]}
END

# run_tests CODE LAST_LINE: with the tests described by standard input.
run_tests() {
  { printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(small LANGUAGES NONE)' \
    'enable_testing()'; cat; } > copy/CMakeLists.txt
  local code=0
  rm -rf copy/build
  copy/utilities/run_tests.sh > log.txt 2>&1 || code=$?
  [ "$code" -eq "$1" ] && [ "$(tail -n 1 log.txt)" = "$2" ] && return
  echo "exit code $code, expected $1 and as last line '$2':"
  cat log.txt
  exit 1
}

good='add_test(NAME good COMMAND true)'
run_tests 0 '1 passed, 0 failed, 0 skipped' <<< "$good"
run_tests 0 '1 passed, 0 failed, 2 skipped' << END
$good
add_test(NAME code COMMAND bash -c "exit 77")
add_test(NAME words COMMAND bash -c "echo '[  SKIPPED ]'")
set_tests_properties(code PROPERTIES SKIP_RETURN_CODE 77)
set_tests_properties(words PROPERTIES SKIP_REGULAR_EXPRESSION "\\\\[  SKIPPED \\\\]")
END
run_tests 1 '1 passed, 1 failed, 0 skipped' << END
$good
add_test(NAME missing COMMAND /nowhere/executable)
END
run_tests 1 '1 passed, 5 failed, 0 skipped' << END
$good
add_test(NAME fails COMMAND false)
add_test(NAME crashes COMMAND bash -c "kill -SEGV \$\$")
add_test(NAME fixture COMMAND false)
add_test(NAME needs_fixture COMMAND true)
add_test(NAME needs_file COMMAND true)
set_tests_properties(fixture PROPERTIES FIXTURES_SETUP ready)
set_tests_properties(needs_fixture PROPERTIES FIXTURES_REQUIRED ready)
set_tests_properties(needs_file PROPERTIES REQUIRED_FILES /nowhere/file)
END
run_tests 1 '0 passed, 1 failed, 0 skipped' <<< 'add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED ON)'
run_tests 1 '0 passed, 1 failed, 0 skipped' <<< ''
echo 'the last line tells the truth'

# Under continuous integration warnings are errors, in a tree that was configured without it too.
werror='option(JESPR_WERROR "Warnings are errors" OFF)'
CI='' run_tests 0 '1 passed, 0 failed, 0 skipped' <<< "$werror"$'\n'"$good"
grep -q 'JESPR_WERROR:BOOL=OFF' copy/build/cpu-release/CMakeCache.txt
CI=yes copy/utilities/run_tests.sh > log.txt
grep -q 'JESPR_WERROR:BOOL=ON' copy/build/cpu-release/CMakeCache.txt
echo 'CI=yes makes warnings errors'
