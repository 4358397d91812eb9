# A signal, a stop file, the job's end or the time limit ends a run: checkpoint, exit code 4, the
# same bits when continued.
# labels: mpi
# processors: 2
# timeout: 600
import contextlib
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (DECK, OK, SLOWNESS, STOPPED, Run, dataset, expect, expect_same_run, finish,
                        ranks_of, run, say, start, wait_until, write_deck)

STEPS = 60
CHANGES = {"optim.steps": STEPS, "checkpoint.every": 1000, "validate.every": 20,
           "optim.schedule": "constant"}


def stopped_at(run_, result):
    """The step after which a run says that it stopped; its checkpoint is there."""
    found = re.search(r"stopping after step (\d+)", result.out)
    expect(found, f"it does not say where it stopped\n{result.text}")
    step = int(found[1])
    expect(run_.checkpoint(step).exists(), f"no checkpoint of step {step}")
    expect(run_.rows() == step, f"{run_.rows()} rows of history after {step} steps")
    expect(not run_.unfinished(), f"left behind: {run_.unfinished()}")
    return step


def holds(pid, number):
    """Whether a process keeps a signal waiting until it asks for it."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"SigBlk:\s*(\w+)", status)[1], 16) >> (number - 1) & 1
    return False


reference = Run("unstopped", CHANGES)
reference.run(2)

# One rank alone gets the signal; all stop after the same step.
for name, number, ranks, which, overrides in [
        ("usr1", signal.SIGUSR1, 2, -1, []), ("term", signal.SIGTERM, 2, 0, []),
        ("usr2", signal.SIGUSR2, 4, 2, ["run.stop_signal=USR2"])]:
    stopped = Run(name, CHANGES)
    job = stopped.start(ranks, *overrides)
    wait_until(lambda: stopped.rows() >= 3, "some steps", job)
    os.kill(ranks_of(job)[which], number)
    step = stopped_at(stopped, finish(job, STOPPED))
    expect(3 <= step < STEPS, f"it stopped after step {step}")
    stopped.run(1, "checkpoint.restart=auto", *overrides)
    expect_same_run(stopped, reference, STEPS)
    say(f"{name}: stopped after step {step}, the same bits in the end")

# A signal that comes while the program still starts is remembered: the first step is the last.
for name, number, overrides in [("early_usr1", signal.SIGUSR1, []),
                                ("early_usr2", signal.SIGUSR2, ["run.stop_signal=USR2"])]:
    early = Run(name, CHANGES)
    job = early.start(2, *overrides)
    wait_until(lambda: any(holds(pid, number) for pid in ranks_of(job)), "a held signal", job,
               pause=0.001)
    os.kill(next(pid for pid in ranks_of(job) if holds(pid, number)), number)
    expect(not early.output.exists(), "the start was over before the signal came")
    step = stopped_at(early, finish(job, STOPPED))
    expect(step == 1, f"it stopped after step {step}")
    early.run(1, "checkpoint.restart=auto", *overrides)
    expect_same_run(early, reference, STEPS)
    say(f"{name}: stopped after step {step}, the same bits in the end")

# Signals that nobody asked for change nothing, however many. (A handler would: oneDNN's products
# keep data where its frame goes, and with AVX-512 every such run lost its heap.)
bombarded = Run("bombarded", CHANGES)
job = bombarded.start(2)
wait_until(lambda: bombarded.rows() >= 1, "a step", job)
pids, signals = ranks_of(job), 0
while job.poll() is None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR2)
            signals += 1
    time.sleep(0.0005)
finish(job, OK)
expect_same_run(bombarded, reference, STEPS)
expect(signals >= STEPS, f"only {signals} signals were sent")
say(f"{signals} signals to the ranks: the same bits")

# A task that has nothing to save ends at once by TERM.
pathlib.Path("benchmark").mkdir(exist_ok=True)
deck = write_deck(pathlib.Path("benchmark/run.deck").resolve(),
                  {"run": {"task": "benchmark"}, "data": {"dataset": dataset()}})
job = start(0, deck, folder="benchmark")
wait_until(lambda: "every parameter" in (job.folder / "out.txt").read_text(), "a first line", job)
os.kill(job.pid, signal.SIGTERM)
expect(finish(job).code == -signal.SIGTERM, "TERM does not end a benchmark")

# The launcher passes a signal on to all ranks.
stopped = Run("launcher", CHANGES)
job = stopped.start(2)
wait_until(lambda: stopped.rows() >= 3, "some steps", job)
os.kill(job.pid, signal.SIGUSR1)
step = stopped_at(stopped, finish(job, STOPPED))
say(f"launcher: stopped after step {step}")

# The stop file, which is obeyed once and then gone. It is looked for once a second.
SECONDS_LONG = CHANGES | {"optim.steps": 5 * STEPS}
long_reference = Run("long_unstopped", SECONDS_LONG)
long_reference.run(2)
for name, overrides in [("file", []), ("named_file", ["run.stop_file='halt here'"])]:
    stopped = Run(name, SECONDS_LONG)
    job = stopped.start(2, *overrides)
    wait_until(lambda: stopped.rows() >= 3, "some steps", job)
    file = stopped.folder / "halt here" if overrides else stopped.output / "stop"
    file.touch()
    result = finish(job, STOPPED)
    step = stopped_at(stopped, result)
    expect("stop file" in result.out and not file.exists(), f"{file} was not obeyed\n{result.text}")
    stopped.run(1, "checkpoint.restart=auto", *overrides)
    expect_same_run(stopped, long_reference, 5 * STEPS)
    say(f"{name}: stopped after step {step}, the same bits in the end")

# What may be somebody's data is no stop file; an empty one that is there already is obeyed.
unfit = Run("unfit", CHANGES)
(unfit.folder / "my_results.txt").write_text("mine")
(unfit.folder / "a_folder").mkdir()
for name in ("my_results.txt", "a_folder"):
    result = unfit.run(2, f"run.stop_file={name}", code=DECK)
    expect(f"{name}: not an empty file" in result.err and not unfit.output.exists(), result.text)
expect((unfit.folder / "my_results.txt").read_text() == "mine", "the file is not what it was")
(unfit.folder / "there").touch()
result = unfit.run(2, "run.stop_file=there", code=STOPPED)
expect(stopped_at(unfit, result) == 1 and "is there already" in result.text, result.text)
expect(not (unfit.folder / "there").exists(), "the stop file is still there")

# One that gets content, or turns out to be a folder, while the run goes on is obeyed and kept.
for name, make in (("filled", lambda path: path.write_text("now")),
                   ("folder", lambda path: path.mkdir())):
    kept = Run(name, SECONDS_LONG)
    job = kept.start(2)
    wait_until(lambda: kept.rows() >= 3, "some steps", job)
    make(kept.output / "stop")
    result = finish(job, STOPPED)
    stopped_at(kept, result)
    expect((kept.output / "stop").exists() and "it is not removed" in result.text, result.text)
say("unfit stop files are refused, or kept with a warning")

# The end of the Slurm job: the run ends before it by its margin.
MARGIN, JOB = 30, 34  # seconds
stopped = Run("job_end", CHANGES)
begin = time.time()
ends = {**os.environ, "SLURM_JOB_END_TIME": str(int(begin) + JOB)}
result = stopped.run(2, f"run.job_end_margin={MARGIN}", "optim.steps=1000000", code=STOPPED,
                     env=ends)
step = stopped_at(stopped, result)
expect("end of the Slurm job" in result.out and "the job ends in" in result.out, result.text)
expect(SLOWNESS > 1 or time.time() < begin + JOB, "it ended after the job would have")
result = Run("no_end", CHANGES).run(1, "optim.steps=2", env={**ends, "SLURM_JOB_END_TIME": "soon"})
expect("SLURM_JOB_END_TIME = 'soon'" in result.text, result.text)
past = {**os.environ, "SLURM_JOB_END_TIME": "1000"}
Run("not_asked", CHANGES).run(1, "optim.steps=2", "run.job_end_margin=0", env=past)
say(f"job's end: stopped after step {step}")

# The time limit; then three more steps, as in a run that was meant to be so long.
limited = Run("limit", CHANGES)
step = stopped_at(limited, limited.run(2, "run.max_seconds=2", "optim.steps=1000000",
                                       code=STOPPED))
limited.run(2, "checkpoint.restart=auto", f"optim.steps={step + 3}")
whole = Run("limit_reference", CHANGES)
whole.run(1, f"optim.steps={step + 3}")
expect_same_run(limited, whole, step + 3)
say(f"max_seconds: stopped after step {step}, the same bits in the end")

# A run that is complete has nothing to continue, and says so without touching anything.
before = {path: path.stat().st_mtime_ns for path in whole.output.glob("*.h5")}
whole.run(2, "checkpoint.restart=auto", f"optim.steps={step + 3}")
expect(before == {path: path.stat().st_mtime_ns for path in whole.output.glob("*.h5")},
       "a complete run was written again")

# Another seed, or another number of shards, cannot continue bit for bit.
for change in ("run.seed=12", "batch.shards=8", "batch.proteins=32"):
    result = whole.run(2, "checkpoint.restart=auto", change, code=DECK)
    expect(change.split("=")[0].split(".")[1] in result.err, f"the key is not named\n{result.text}")
