# Under a private Slurm: srun on 2 ranks, and a chain of jobs that are warned and continue.
# labels: slurm
# processors: 2
# timeout: 900
#
# The chain is jobscripts/restart_chain.sh itself; its warning comes at once, from scancel, as
# --signal would send it. It must end in the bits of an undisturbed run.
import os
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
from jespr_runs import (PROGRAM, SKIPPED, SOURCES, STOPPED, Run, expect, expect_same_run,
                        say, skip, wait_until)

STEPS = 120
WARNINGS = 2
CHANGES = {"optim.steps": STEPS, "checkpoint.every": 1000, "validate.every": 20}
MINI_SLURM = SOURCES / "tests/support/mini_slurm.sh"
FOLDER = pathlib.Path("slurm").resolve()


def mini_slurm(action):
    return subprocess.run(["bash", MINI_SLURM, action, FOLDER], text=True, capture_output=True,
                          timeout=120, stdin=subprocess.DEVNULL)


def ask(*command, code=0, limit=120):
    """A command of Slurm; what it says."""
    done = subprocess.run(command, text=True, capture_output=True, timeout=limit, env=environment,
                          stdin=subprocess.DEVNULL)
    expect(done.returncode == code, f"{shlex.join(map(str, command))}: exit code "
           f"{done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout


def jobs():
    """{id: (state, exit code)} of all jobs so far."""
    text = ask("scontrol", "show", "job", "-o")
    return {int(job): (state, int(code)) for job, state, code in
            re.findall(r"JobId=(\d+) .*?JobState=(\w+) .*?ExitCode=(\d+):", text)}


def test_srun():
    """srun jespr DECK, as it is used."""
    direct = Run("srun", CHANGES)
    ask("srun", "-n", "2", "--mpi=pmix", PROGRAM, direct.deck)
    expect_same_run(direct, reference, STEPS)
    log = (direct.output / "log.txt").read_text()
    expect(re.search(r"ranks +2 on 1 node", log), f"not one job of 2 ranks\n{log}")
    say("srun on 2 ranks: the same bits as mpirun")


def test_step_signal():
    """A signal to the step reaches the ranks; srun hands on the program's exit code."""
    stopped = Run("signal", CHANGES)
    step = subprocess.Popen(["srun", "-n", "2", "--mpi=pmix", PROGRAM, stopped.deck],
                            env=environment, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_until(lambda: stopped.rows() >= 3, "some steps")
    running = [job for job, (state, _) in jobs().items() if state == "RUNNING"]
    ask("scancel", "-s", "USR1", f"{running[-1]}.0")
    said = step.communicate(timeout=60)[0]
    expect(step.returncode == STOPPED, f"srun ended with {step.returncode}\n{said}")
    ask("srun", "-n", "1", "--mpi=pmix", PROGRAM, stopped.deck, "checkpoint.restart=auto")
    expect_same_run(stopped, reference, STEPS)
    say("warned step: exit code 4, the same bits after its restart")


def test_chain():
    """Each warned job submits the next; the last one ends with 0."""
    chain = Run("chain", CHANGES)
    before = set(jobs())
    ask("sbatch", "--chdir", chain.folder, SOURCES / "jobscripts/restart_chain.sh", chain.deck)
    for warning in range(1, WARNINGS + 1):
        wanted = 30 * warning - 20
        wait_until(lambda: chain.rows() >= wanted, f"step {wanted}", limit=60)
        running = [job for job, (state, _) in jobs().items() if state == "RUNNING"]
        expect(len(running) == 1, f"running: {running}, all: {jobs()}")
        ask("scancel", "-b", "-s", "USR1", str(running[0]))
        wait_until(lambda: jobs()[running[0]][0] not in ("RUNNING", "COMPLETING"), "its end",
                   limit=60, pause=0.1)
    wait_until(lambda: all(state in ("COMPLETED", "FAILED") for state, _ in jobs().values()),
               "the last job", limit=60, pause=0.1)
    log = "".join(path.read_text() for path in sorted(chain.folder.glob("jespr-*.log")))
    links = {job: end for job, end in jobs().items() if job not in before}
    expect(len(links) == WARNINGS + 1 and all(end == ("COMPLETED", 0) for end in links.values()),
           f"jobs ended as {links}\n{log}")
    expect(log.count("stopping after step") == WARNINGS, log)
    expect_same_run(chain, reference, STEPS)
    say(f"chain of {len(links)} jobs, {WARNINGS} warned: the same bits")


def test_end_of_chain():
    """A failure, and the last link, end the chain with the program's exit code."""
    failing = Run("failing", CHANGES)
    script = SOURCES / "jobscripts/restart_chain.sh"
    before = set(jobs())
    ask("sbatch", "--wait", "--chdir", failing.folder, script, failing.deck, "optim.lr_peek=1",
        code=2)
    environment["JESPR_CHAIN_LINKS"] = "1"
    ask("sbatch", "--wait", "--chdir", failing.folder, script, failing.deck,
        "run.max_seconds=1", "optim.steps=1000000", code=STOPPED)
    expect(len(set(jobs()) - before) == 2, "the chain went on")
    say("a mistake and the last link end the chain")


started = mini_slurm("start")
if started.returncode == SKIPPED:
    skip(started.stderr.strip())
expect(started.returncode == 0, f"Slurm does not start\n{started.stdout}{started.stderr}")
environment = dict(os.environ, SLURM_CONF=str(FOLDER / "etc/slurm.conf"),
                   PATH=f"{PROGRAM.parent}:{os.environ['PATH']}")
try:
    say("Slurm is up")
    reference = Run("reference", CHANGES)
    reference.run(1)
    test_srun()
    test_step_signal()
    test_chain()
    test_end_of_chain()
finally:
    mini_slurm("stop")
