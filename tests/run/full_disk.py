# A full disk: exit code 1 without a hang, the previous checkpoint is intact, a restart goes on.
# labels: mpi
# processors: 2
# timeout: 600
#
# Every user can limit the size of a file (RLIMIT_FSIZE). A file system that is full is one in
# memory, in a mount namespace of this test alone; that needs root.
import ctypes
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (RUNTIME, Run, dataset, error_lines, expect, expect_same_run, finish,
                        ranks_of, say, wait_until)

EVERY = 10  # steps between checkpoints
CHANGES = {"optim.steps": 4 * EVERY, "checkpoint.every": EVERY, "checkpoint.keep": 5,
           "validate.every": 20, "validate.equal_length": 0}
CLONE_NEWNS = 0x20000  # <linux/sched.h>


def expect_disk_error(result):
    """One line that names the checkpoint that could not be written."""
    lines = [line for line in error_lines(result) if ".h5.part" in line]
    expect(len(lines) == 1, f"the file is not named in one line\n{result.text}")


def private_disk(folder, size):
    """Mounts a file system of `size` bytes on `folder` that only this process and its children
    see; False when that is not allowed here."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    folder.mkdir(parents=True)
    commands = (["mount", "--make-rprivate", "/"],
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)])
    return all(subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
               for command in commands)


dataset()  # before anything is mounted
reference = Run("reference", CHANGES)
reference.run(2)
bytes_of_one = reference.checkpoint(EVERY).stat().st_size

# After the first checkpoint no file may grow to half of one any more.
for ranks in (1, 2):
    limited = Run("limited", CHANGES)
    job = limited.start(ranks)
    wait_until(lambda: limited.rows() > EVERY, "the first checkpoint", job)
    for pid in ranks_of(job):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_of_one // 2, bytes_of_one // 2))
    expect_disk_error(finish(job, RUNTIME))
    expect(limited.checkpoints(), "the first checkpoint is gone")
    result = limited.run(ranks, "checkpoint.restart=auto")
    expect("restart  from" in result.out and "passed over" not in result.out, result.text)
    expect_same_run(limited, reference, 4 * EVERY)
say("limit on the size of a file: stopped, then continued to the same bits")

# Room for less than four checkpoints, the best included. With a file removed the run goes on.
full = Run("full", CHANGES)
if not private_disk(full.output, 6 * bytes_of_one):
    say("no mount is allowed here: the full file system was not tested")
    raise SystemExit
filler = full.output / "filler"
filler.write_bytes(bytes(int(2.5 * bytes_of_one)))
expect_disk_error(full.run(2, code=RUNTIME))
expect(full.checkpoints() == ["step_000010.h5", "step_000020.h5"], full.checkpoints())
filler.unlink()
full.run(1, "checkpoint.restart=auto", "checkpoint.keep=2")
expect_same_run(full, reference, 4 * EVERY)
say("full file system: stopped, then continued to the same bits")
