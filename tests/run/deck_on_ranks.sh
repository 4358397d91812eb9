# On two ranks a wrong deck is refused once for all, and ranks with different decks do not start.
# labels: mpi
# processors: 2
# timeout: 120
set -euo pipefail
wrong=$JESPR_SOURCE_DIR/tests/data/decks/wrong
right=$JESPR_SOURCE_DIR/input/quickstart.deck

# The root's text stands on standard error once, whatever the launcher adds to it.
code=0
(cd "$wrong" && timeout 60 "$JESPR_MPIEXEC" -n 2 "$JESPR_PROGRAM" 39_all_mistakes_at_once.deck) \
  > out.txt 2> err.txt || code=$?
[ $code -eq 2 ]
[ ! -s out.txt ]
diff "$wrong/39_all_mistakes_at_once.txt" <(grep -E '^39_|nothing was started' err.txt)

# Another command or another deck on another rank: refused at once, nobody waits.
for other in "--help optim" "--check $JESPR_SOURCE_DIR/input/step_8M.deck"; do
  code=0
  # shellcheck disable=SC2086
  timeout 60 "$JESPR_MPIEXEC" -n 1 "$JESPR_PROGRAM" --check "$right" : \
    -n 1 "$JESPR_PROGRAM" $other > out.txt 2> err.txt || code=$?
  [ $code -eq 2 ]
  grep -q 'the ranks have different command lines' err.txt
done

# Other overrides on another rank: other processed decks, other hashes.
code=0
timeout 60 "$JESPR_MPIEXEC" -n 1 "$JESPR_PROGRAM" --check "$right" : \
  -n 1 "$JESPR_PROGRAM" --check "$right" optim.steps=251 > out.txt 2> err.txt || code=$?
[ $code -eq 2 ]
grep -q 'the processed deck has hash [0-9a-f]\{16\}, another rank.s differs' err.txt
