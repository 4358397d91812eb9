# Every deck of tests/data/decks/wrong is refused with exit code 2 and exactly the text beside it.
# labels: quick
# processors: 1
# timeout: 300
#
# NN_name.deck is checked with the overrides in NN_name.args, one a line, if there are any; standard
# error must be NN_name.txt, byte for byte. JESPR_ACCEPT=1 writes these texts instead: read them
# before you commit them.
import concurrent.futures
import os
import pathlib
import subprocess
import sys

FEWEST = 30
AT_ONCE = 4  # a check waits for the start of MPI more than it works

program = os.environ["JESPR_PROGRAM"]
folder = pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "tests/data/decks/wrong"


def check(deck):
    arguments = deck.with_suffix(".args")
    overrides = arguments.read_text().splitlines() if arguments.exists() else []
    return subprocess.run([program, "--check", deck.name, *overrides], cwd=folder,
                          capture_output=True, timeout=120)


decks = sorted(folder.glob("*.deck"))
with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
    results = list(pool.map(check, decks))
failures = 0
for deck, result in zip(decks, results):
    golden = deck.with_suffix(".txt")
    if os.environ.get("JESPR_ACCEPT"):
        golden.write_bytes(result.stderr)
    expected = golden.read_bytes() if golden.exists() else b""
    if result.returncode == 2 and result.stderr == expected and expected and not result.stdout:
        continue
    failures += 1
    print(f"{deck.name}: exit code {result.returncode}, expected 2")
    print("--- expected on standard error\n" + expected.decode(errors="replace"))
    print("--- found on standard error\n" + result.stderr.decode(errors="replace"))
    print("--- found on standard output\n" + result.stdout.decode(errors="replace"))
print(f"{len(decks)} wrong decks, {failures} of them not refused as they should be")
sys.exit(failures > 0 or len(decks) < FEWEST)
