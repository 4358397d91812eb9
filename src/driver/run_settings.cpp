// Declarations of groups &run and &checkpoint.
#include "driver/run_settings.hpp"

#include "deck/effect.hpp"
#include "tensor/precision.hpp"

namespace jespr {

OperandPrecision RunSettings::operands() const {
  return precision == "bf16" ? OperandPrecision::bf16 : OperandPrecision::working;
}

void declare(deck::Schema& schema, RunSettings& s) {
  auto& group = schema.group("run", "what to do, where the results go, how long");
  group
      .choice("task", s.task, {"train", "evaluate", "prepare", "benchmark"},
              "train a joint model, evaluate a checkpoint, prepare a dataset, or measure speed")
      .required()
      .names_task();
  group.text(
      "name", s.name,
      "name of the run; train and benchmark put their results into run/<name> beside the deck");
  group.check("name", [&s]() -> std::string {
    if (s.name.empty() || s.name == "." || s.name == ".." || s.name.find('/') != std::string::npos)
      return "names no folder; use letters and digits, and run.output for another place";
    return "";
  });
  group
      .path("output", s.output,
            "folder of logs, history and checkpoints; none given: run/<name> beside the deck")
      .only_for({"train"});
  group.integer("seed", s.seed, {.min = 0, .max = std::int64_t(1) << 62},
                "of everything that is drawn at random");
  group
      .choice(
          "precision", s.precision, {"f32", "bf16", "f64"},
          "of activations, products and parameters (a checkpoint keeps its own); bf16: f32, but "
          "products of the encoders and heads round what they multiply to bf16 and sum in f32; "
          "loss and norms are summed in f64")
      .only_for({"train", "benchmark"});
  group
      .choice("matrix_library", s.matrix_library, {"auto", "onednn", "blas"},
              "library of the f32 products on CPUs; it decides bits, so a restart keeps the first "
              "choice; auto is onednn")
      .only_for({"train", "evaluate", "benchmark"});
  deck::has_effect_if(
      group, "matrix_library", s.matrix_library, [&s] { return s.precision != F64::name; },
      "precision = 'f32' or 'bf16'");
  group
      .integer("max_seconds", s.max_seconds, {.min = 0, .unit = "s"},
               "after so long: finish the step, write a checkpoint, exit with code 4; 0: no limit")
      .only_for({"train"});
  group
      .choice("stop_signal", s.stop_signal, {"USR1", "USR2"},
              "signal that, as TERM does, ends the run after the present step with a checkpoint")
      .only_for({"train"});
  group
      .path("stop_file", s.stop_file,
            "an empty file that ends the run in the same way once it is there, and goes then; none "
            "given: `stop` in the run's folder")
      .only_for({"train"});
  group
      .integer("job_end_margin", s.job_end_margin, {.min = 0, .unit = "s"},
               "under Slurm (SLURM_JOB_END_TIME): end in the same way so long before the job does, "
               "and earlier by the longest step so far; 0: do not")
      .only_for({"train"});
  group
      .integer("statistics_every", s.statistics_every, {.min = 0, .unit = "steps"},
               "interval of the statistics of activations, gradients and parameters per layer, in "
               "statistics.csv; such a step is slower; 0: none")
      .only_for({"train"});
  group
      .integer("log_every", s.log_every, {.min = 1, .unit = "steps"},
               "interval of the lines in the log; the history has every step")
      .only_for({"train"});
}

void declare(deck::Schema& schema, CheckpointSettings& s) {
  auto& group = schema.group("checkpoint", "checkpoints and restart");
  group.only_for({"train"});
  group.integer("every", s.every, {.min = 1, .unit = "steps"}, "interval of checkpoints");
  group.integer("keep", s.keep, {.min = 1, .max = 1000},
                "latest checkpoints that are kept, beside best.h5");
  group.choice("restart", s.restart, {"no", "auto", "file"},
               "no: start from step 0, refused where results lie already; auto: continue from the "
               "newest sound checkpoint in the run's folder, if any; file: from restart_file");
  group.path("restart_file", s.restart_file, "checkpoint that restart = 'file' continues from");
  group.check("restart", [&s] {
    return s.restart == "file" && s.restart_file.empty()
               ? std::string("needs restart_file; name the checkpoint there")
               : std::string();
  });
  deck::has_effect_if(
      group, "restart_file", s.restart_file, [&s] { return s.restart == "file"; },
      "restart = 'file'");
}

}  // namespace jespr
