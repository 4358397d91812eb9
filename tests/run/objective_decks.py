# Every objective from its deck in input/, as a user runs it but for 200 steps, on the sample: the
# loss falls and what validation measures beats the untrained model.
# labels: long, mpi
# processors: 2
# timeout: 3600
import os
import pathlib
import shutil
import sys

sys.path.insert(0, os.path.join(os.environ["JESPR_SOURCE_DIR"], "tests/support"))

from jespr_runs import SLOWNESS, SOURCES, expect, history, run, say, skip

STEPS, AVERAGED = 200, 20
RETRIEVAL, LANGUAGE = ["retrieval"], ["language_accuracy"]
CLASSES = [f"class_accuracy_{modality}_{level}" for level in (1, 2, 3)
           for modality in ("sequence", "structure")]
MEASURES = {"quickstart": RETRIEVAL, "siglip": RETRIEVAL, "vicreg": RETRIEVAL,
            "distance": RETRIEVAL, "mlm": LANGUAGE, "causal": LANGUAGE,
            "clip_mlm": RETRIEVAL + LANGUAGE, "crops": RETRIEVAL, "classes": RETRIEVAL + CLASSES}


def mean(values):
    return sum(values) / len(values)


def bounds(row, measure):
    """From where to where a measure of a validation lies: retrieval has an interval (95 %)."""
    return ([float(row[column]) for column in ("lower", "upper")] if measure == "retrieval"
            else [float(row[measure])] * 2)


if SLOWNESS > 1:
    skip("thousands of steps take hours under the sanitizers; run.objectives takes some of each")
sample = pathlib.Path("sample.h5").resolve()
run(1, SOURCES / "input/quickstart_prepare.deck", f"prepare.dataset={sample}",
    "prepare.overwrite=.true.")
for deck, measures in MEASURES.items():
    last = {}
    for name, changes in {"untrained": ["optim.steps=1", "optim.lr_peak=1e-12",
                                        "optim.warmup_steps=0", "validate.every=1"],
                          "trained": [f"optim.steps={STEPS}", f"validate.every={STEPS}"]}.items():
        output = pathlib.Path(f"{deck}_{name}").resolve()
        shutil.rmtree(output, ignore_errors=True)
        result = run(2, SOURCES / f"input/{deck}.deck", f"data.dataset={sample}",
                     f"run.output={output}", *changes, limit=600)
        expect("have collapsed" not in result.text, result.text)
        losses = [float(row["loss"]) for row in history(output)]
        last[name] = history(output, "validation.csv")[-1]
    expect(len(losses) == STEPS, f"{deck}: {len(losses)} steps")
    begin, end = mean(losses[:AVERAGED]), mean(losses[-AVERAGED:])
    expect(end < begin, f"{deck}: the loss went from {begin:.4f} to {end:.4f}")
    said = []
    for measure in measures:
        before, after = (bounds(last[name], measure) for name in ("untrained", "trained"))
        expect(after[0] > before[1], f"{deck}: {measure} {after}, untrained {before}")
        said.append(f"{measure} {mean(after):.3f}, untrained {mean(before):.3f}")
    say(f"{deck}: loss {begin:.3f} to {end:.3f}; {'; '.join(said)}")
