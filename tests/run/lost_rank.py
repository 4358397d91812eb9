# A rank that is lost, or that meets an error alone, ends the whole job within seconds.
# labels: mpi
# processors: 2
# timeout: 300
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import SLOWNESS, Run, children, expect, finish, ranks_of, say, wait_until

SECONDS = 20 * SLOWNESS  # generous on a busy machine; usually one

for ranks, lost in [(2, 0), (2, 1), (4, 2)]:
    job_run = Run("lost", {"optim.steps": 100000, "checkpoint.every": 5})
    job = job_run.start(ranks)
    wait_until(lambda: job_run.rows() >= 2, "the first steps", job)
    pids = ranks_of(job)
    expect(len(pids) == ranks, f"{len(pids)} ranks of {ranks}")
    os.kill(pids[lost], signal.SIGKILL)
    begin = time.monotonic()
    result = finish(job, limit=SECONDS)
    expect(result.code != 0, f"exit code 0 after a lost rank\n{result.text}")
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "all ranks to end",
               limit=SECONDS)
    say(f"rank {lost} of {ranks} lost: all ended {time.monotonic() - begin:.1f} s later")
    expect(not children(job.pid), "processes are left")
    job_run.run(2, "checkpoint.restart=auto", f"optim.steps={job_run.rows() + 1}")
