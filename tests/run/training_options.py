# Options of training whose bits must not depend on the ranks: schedules, rates of layers, averaged
# weights, pooling, recomputed blocks, the number of shards from a limit of memory.
# labels: mpi
# processors: 2
# timeout: 600
import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))
import h5py
import numpy as np

from jespr_runs import (DECK, Run, bytes_after, dataset, difference, expect, expect_same_run,
                        history, run, say, state, trained, write_deck)

STEPS, HALF = 8, 4
PEAK, BASE, UP, DOWN = 2e-3, 1e-4, 3, 2
OPTIONS = {
    "optim.steps": STEPS, "checkpoint.every": HALF, "validate.every": HALF,
    "optim.warmup_steps": 0, "optim.schedule": "cyclic", "optim.lr_base": BASE,
    "optim.cycle_up": UP, "optim.cycle_down": DOWN, "optim.cycle_mode": "triangular2",
    "optim.layer_decay": 0.7, "optim.ema_decay": 0.5,
    "sequence.pooling": "attention", "sequence.pooled_layers": 2,
    "sequence.layer_weights": "learned", "structure.pooling": "attention"}


def numbers(job, column):
    return [float(row[column]) for row in history(job.output)]


# ---- Schedule, pooling, averages: one rank and two, kept and recomputed, whole and restarted

one = Run("one_rank", OPTIONS)
one.run(1)
for step, rate in enumerate(numbers(one, "learning_rate")):
    cycle, place = divmod(step, UP + DOWN)
    height = place / UP if place <= UP else (UP + DOWN - place) / DOWN
    wanted = BASE + (PEAK - BASE) * height / 2 ** cycle
    expect(abs(rate - wanted) < 1e-6 * PEAK, f"step {step}: rate {rate}, expected {wanted}")
two = Run("two_ranks", OPTIONS)
two.run(2, "batch.recompute_blocks=.true.", "batch.recompute_messages=.true.")
expect_same_run(two, one, STEPS)
say("the same bits on two ranks, with recomputed blocks and messages")

restarted = Run("restarted", OPTIONS)
restarted.run(2, "checkpoint.restart=file", f"checkpoint.restart_file={one.checkpoint(HALF)}")
found = difference(trained(restarted.checkpoint(STEPS)), trained(one.checkpoint(STEPS)))
expect(not found, f"restarted after {HALF} steps: {found}")
say("the same bits after a restart")

# What learns: queries, weights of layers; and what averages differ from.
end = state(one.checkpoint(STEPS))
for name in ("seq_encoder.attention_pooling.query", "struct_encoder.attention_pooling.query",
             "seq_encoder.layer_weights"):
    expect(np.abs(end["parameters/" + name]).max() > 0, f"{name} does not learn")
moved = [name for name in end if name.startswith("average/")
         and not np.array_equal(end[name], end["parameters/" + name.removeprefix("average/")])]
expect(len(moved) > 100, f"only {len(moved)} averages differ from their parameters")

# Validation shows the averages and changes nothing.
plain = Run("validated_as_they_are", OPTIONS)
plain.run(1, "optim.ema_validate=.false.")
found = difference(*({name: value for name, value in state(job.checkpoint(STEPS)).items()
                      if not name.startswith("best_")} for job in (plain, one)))
expect(not found, f"validation of averages changes the run: {found}")
expect([row["loss"] for row in history(plain.output, "validation.csv")] !=
       [row["loss"] for row in history(one.output, "validation.csv")],
       "validation does not see the averages")
without = Run("without_averages", OPTIONS | {"optim.ema_decay": 0.0})
without.run(1)
found = difference(state(without.checkpoint(STEPS)),
                   {name: value for name, value in state(plain.checkpoint(STEPS)).items()
                    if not name.startswith("average/")})
expect(not found, f"averages change the run: {found}")
result = without.run(1, "checkpoint.restart=auto", "optim.ema_decay=0.5", "optim.steps=10",
                     code=DECK)
expect("ema_decay" in result.err and "no averaged weights" in result.err, result.text)
say("averages stand beside the run")

deck = write_deck(one.folder / "evaluate.deck", {
    "run": {"task": "evaluate"}, "data": {"dataset": dataset()},
    "evaluate": {"checkpoint": one.checkpoint(STEPS), "recall": [1], "bootstrap": 0,
                 "equal_length": 0, "untrained": False}})
tables = []
for weights in ("last", "averaged"):
    output = one.folder / weights
    result = run(1, deck, f"evaluate.weights={weights}", f"evaluate.output={output}")
    expect(("averaged weights" in result.out) == (weights == "averaged"), result.text)
    tables.append(output / "evaluation.h5")
embeddings = []
for table in tables:
    with h5py.File(table) as file:
        found = []
        file.visititems(lambda name, item: found.append((name, item[()]))
                        if isinstance(item, h5py.Dataset) and item.ndim == 2 else None)
        embeddings.append(dict(found))
expect(embeddings[0] and any(not np.array_equal(embeddings[0][name], embeddings[1][name])
                             for name in embeddings[0]), "evaluate does not see the averages")
result = run(1, deck, "evaluate.weights=averaged", f"evaluate.output={one.folder / 'none'}",
             f"evaluate.checkpoint={without.checkpoint(STEPS)}", code=DECK)
expect("trained without &optim ema_decay" in result.err, result.text)
say("evaluate takes either")

# ---- Shards from a limit of memory

short = {"optim.steps": 3, "checkpoint.every": 3, "validate.every": 3, "batch.shards": 2}
tight = Run("too_tight", short)
result = tight.run(2, "batch.max_memory_gb=1e-4", code=DECK)
expect("no number of shards fits" in result.err, result.text)
least = 1.04 * bytes_after("need", result.err)  # the message rounds
limit = f"batch.max_memory_gb={least / 1e9:.6g}"
runs = {}
for ranks in (1, 2):
    runs[ranks] = Run(f"limited_{ranks}", short)
    out = runs[ranks].run(ranks, limit).out
    shards = int(re.search(r"^limit .* a rank: (\d+) shards", out, re.M)[1])
    expect(shards in (4, 8, 16) and f"in {shards} shards" in out, out)
    step = out[out.index("memory   activations"):]  # of the first step
    end = out[out.rindex("memory   activations"):]  # with validations of more rows than a shard has
    rows = re.search(r"at most (\d+) rows in one, (\d+) in one of a validation", out)
    expect(rows and int(rows[2]) > int(rows[1]), out)
    for when, text in (("training", step), ("in all", end)):
        held = bytes_after("activations", text) + bytes_after("scratch", text) + \
            bytes_after("gradients and moments", out)
        expect(held <= least, f"{when}: {held:.4g} bytes held, limit {least:.4g}")
expect_same_run(runs[2], runs[1], 3)
given = Run("given", short | {"batch.shards": shards})
given.run(1)
expect_same_run(given, runs[1], 3)
roomy = Run("roomy", short)
out = roomy.run(2, "batch.max_memory_gb=4", "validate.patience=5").out
expect("validate.patience = 5 cannot end this run early" in out, out)
expect("a rank: 2 shards" in out and "run forward again" not in out, out)
say(f"{shards} shards for {least / 1e6:.1f} MB, on one rank and on two")

# deck.processed holds the shards, so that it repeats the run.
processed = (runs[1].output / "deck.processed").read_text()
expect(f"  shards = {shards}\n" in processed and "  recompute = .true.\n" in processed, processed)
again = Run("again", short)
run(1, runs[1].output / "deck.processed", f"run.output={again.output}")
expect_same_run(again, runs[1], 3)

# A restart keeps them, whatever would fit now, or says why it cannot.
limited = Run("limited_restart", short | {"checkpoint.every": 1, "checkpoint.keep": 3})
limited.run(1, limit)
middle = f"checkpoint.restart_file={limited.checkpoint(1)}"
more = Run("more_memory", short)
out = more.run(2, "checkpoint.restart=file", middle, "batch.max_memory_gb=4").out
expect(f"{shards} shards, those of the checkpoint" in out, out)
expect("deck changed since the checkpoint, now:  shards" not in out, out)
found = difference(state(more.checkpoint(3)), state(limited.checkpoint(3)))
expect(not found, f"restarted with more memory: {found}")
for shown, *overrides in (("under max_memory_gb", "batch.max_memory_gb=0"),
                          ("under max_memory_gb", f"batch.shards={2 * shards}", limit)):
    result = Run("other_shards", short).run(1, "checkpoint.restart=file", middle, *overrides,
                                            code=DECK)
    expect(shown in result.err and f"set shards = {shards}, or start anew" in result.err,
           result.text)
result = Run("less_memory", short).run(1, "checkpoint.restart=file", middle,
                                       "batch.max_memory_gb=1e-4", code=DECK)
expect("max_memory_gb = 0.0001" in result.err and "which a restart keeps" in result.err and
       f"was computed with shards = {shards}" in result.err, result.text)
say("a restart keeps the shards that a limit chose")

# What a message advises is what the deck does not do; residues alone have no galleries.
result = tight.run(1, "batch.max_memory_gb=1e-4", code=DECK)
expect("choose smaller encoders" in result.err and "recompute" not in result.err, result.text)
for recomputes in (False, True):
    keys = ["validate.equal_length=0",
            *(f"batch.recompute_{what}=.{str(recomputes).lower()}."
              for what in ("blocks", "messages"))]
    found = tight.run(1, "batch.max_memory_gb=1e-4", *keys, code=DECK).err
    between = (bytes_after("need", found) + bytes_after("gradients and moments", found)) / 2
    result = tight.run(1, f"batch.max_memory_gb={between / 1e9:.6g}", *keys, code=DECK)
    expect(("set &batch recompute_" in result.err) != recomputes, result.text)
    expect("equal_length" not in result.err and "max_length" in result.err, result.text)
residues = Run("residues", short | {"loss.kind": "mlm", "batch.masked_fraction": 0.0,
                                    "data.independent_crops": False})
result = residues.run(1, "batch.max_memory_gb=1e-4", code=DECK)
shards, shown = map(int, re.search(r"fits; (\d+) of them.*of a validation (\d+)",
                                   result.err).groups())
expect(shown <= 2 * (16 / shards) * (40 + 2), f"validations of residues alone hold {shown} rows: "
       "they embed no gallery of equal length")
