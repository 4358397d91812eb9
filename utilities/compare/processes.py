"""The processes of a comparison: our program, and one worker for each peer."""
import json
import os
import pathlib
import select
import subprocess
import sys
import time

from comparison import BadBenchmark, Benchmark

HERE = pathlib.Path(__file__).resolve().parent
LAST_LINES = 3  # of a log that explains a failure


class Failed(Exception):
    """A program did not do what it was asked; the text says which, and its last words."""


def last_words(log):
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-LAST_LINES:]) or "it said nothing"


def ours(program, deck, folder, overrides):
    """Runs task 'benchmark' of our program; what it wrote to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "benchmark.json"
    result.unlink(missing_ok=True)
    settings = {"benchmark.output": f"'{folder}'", "benchmark.overwrite": ".true.", **overrides}
    log = folder / "output.txt"
    with log.open("w") as output:
        code = subprocess.run([program, deck, *(f"{k}={v}" for k, v in settings.items())],
                              stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise Failed(f"{pathlib.Path(program).name} ended with {code}: {last_words(log)}")
    try:
        return Benchmark(result)
    except BadBenchmark as error:
        raise Failed(str(error)) from error


class Worker:
    """One peer on one task, in a process that waits while others are measured."""

    def __init__(self, python, task, folder, name, patience):
        self.patience = patience
        folder.mkdir(parents=True, exist_ok=True)
        stem = "".join(c if c.isalnum() else "_" for c in name)
        description = folder / f"{stem}.json"
        description.write_text(json.dumps(task, indent=1))
        self.log = folder / f"{stem}.txt"
        threads = str(task["threads"])
        environment = dict(os.environ, OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads,
                           TORCHINDUCTOR_COMPILE_THREADS=threads, HF_HUB_OFFLINE="1",
                           TOKENIZERS_PARALLELISM="false")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [python, HERE / "worker.py", description], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env=environment)
        self.partial = b""
        try:
            self.first = self.answer()
        except Failed:
            self.end()
            raise

    def answer(self):
        """The next line of JSON; Failed when the process ends or takes too long."""
        end = time.monotonic() + self.patience
        while b"\n" not in self.partial:
            ready = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            if not ready:
                raise Failed(f"no answer in {self.patience:.0f} s")
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                code = self.process.wait()
                raise Failed(f"ended with {code}: {last_words(self.log)}")
            self.partial += chunk
        line, self.partial = self.partial.split(b"\n", 1)
        answer = json.loads(line)
        if "failure" in answer:
            raise Failed(answer["failure"])
        return answer

    def measure(self, repeats):
        try:
            self.process.stdin.write(f"{repeats}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says why
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def prepared_python():
    """The private Python of the peers, made by setup.sh if it is not there."""
    done = subprocess.run(["bash", HERE / "setup.sh"], stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.strip().splitlines()[-1]


def versions(python):
    """Versions of the peers, and what PyTorch makes of this CPU."""
    question = (
        "import importlib.metadata as m, torch\n"
        "names = ['torch', 'fair-esm', 'torch_geometric', 'transformers', 'esm-cpp']\n"
        "native = torch.ops.mkldnn._is_mkldnn_bf16_supported()\n"
        "print(', '.join(f'{n} {m.version(n)}' for n in names) + f'; PyTorch uses '\n"
        "      + torch.backends.cpu.get_cpu_capability()\n"
        "      + ('' if native else ', without instructions for bf16, which it emulates'))\n")
    done = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "versions unknown"


def cpu_model():
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":", 1)[1].strip() for line in lines
                     if line.startswith("model name")), "this machine")
