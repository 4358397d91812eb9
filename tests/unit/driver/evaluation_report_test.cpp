// Table, JSON and HDF5 of an evaluation of four proteins.
#include "driver/evaluation_report.hpp"

#include <gtest/gtest.h>

#include "driver/evaluation_settings.hpp"
#include "io/hdf5.hpp"
#include "support/paths.hpp"

namespace {

using namespace jespr;

const std::vector<std::int64_t> recall_list = {1, 2};

GalleryEvaluation example() {
  GalleryEvaluation evaluation;
  evaluation.name = "equal_length";
  evaluation.kept_residues = 64;
  evaluation.chains = {"1abc_A", "2x", "3y", "4z"};
  evaluation.lengths = {64, 70, 70, 90};
  RankingMethod trained;
  trained.name = "trained";
  trained.ranks = {{{0, 0}, {1, 0}, {0, 0}, {2, 1}}, {{0, 0}, {0, 0}, {0, 0}, {1, 0}}};
  trained.report = report_retrieval(trained.ranks, recall_list, 0, 1);
  trained.sphere = {0.5, -1.25, -1.5};
  trained.embeddings = {2, {1, 0, 0, 1, 1, 0, 0, 1}, {0, 1, 1, 0, 0, 1, 1, 0}};
  RankingMethod length{
      "length_only", rank_by_length(evaluation.lengths, evaluation.lengths), {}, {}, {}};
  length.report = report_retrieval(length.ranks, recall_list, 0, 1);
  const RankingMethod chance{"chance", {}, chance_retrieval(4, recall_list), {}, {}};
  evaluation.methods = {trained, length, chance};
  return evaluation;
}

std::string table_of(const GalleryEvaluation& evaluation) {
  std::string text;
  for (const std::string& line : evaluation_table(evaluation)) text += line + "\n";
  return text;
}

TEST(EvaluationReport, Table) {
  GalleryEvaluation evaluation = example();
  EXPECT_EQ(table_of(evaluation).find("interval"), std::string::npos) << "without bootstrap";
  RetrievalMeasures& pooled = evaluation.methods[0].report.pooled;
  for (Estimate* e : {&pooled.recall[0], &pooled.recall[1], &pooled.reciprocal_rank,
                      &pooled.median_rank, &pooled.percentile})
    e->lower = e->upper = e->value;
  pooled.percentile.lower = 0.75;
  const std::string text = table_of(evaluation);
  EXPECT_EQ(
      text,
      R"(  4 chains cut to 64 residues             recall@1       recall@2    mean 1/rank    median rank     percentile
  trained, sequence > structure             50.0 %         75.0 %          0.698            1.5          0.708
  trained, structure > sequence             75.0 %        100.0 %          0.875            1.0          0.917
  trained, pooled                           62.5 %         87.5 %          0.786            1.0          0.812
    95 % interval                     [62.5, 62.5]   [87.5, 87.5] [0.786, 0.786]     [1.0, 1.0] [0.750, 0.812]
  length only                               75.0 %        100.0 %          0.875            1.2          0.917
  chance                                    25.0 %         50.0 %          0.521            2.5          0.500
  trained: alignment 0.500, uniformity of sequences -1.250, of structures -1.500
)");
}

TEST(EvaluationReport, JsonHasEveryMeasure) {
  const std::string json =
      evaluation_json({"best.h5", "sample.h5", "validation", 250, 1000, 7, "&run /"}, {example()});
  for (const char* part :
       {R"("checkpoint": "best.h5")", R"("step": 250)", R"("bootstrap": 1000)",
        R"("name": "equal_length")", R"("kept_residues": 64)", R"("name": "length_only")",
        R"("lower": null)", R"("upper": null)", R"("structure_to_sequence")", R"("value": 0.625)",
        R"("alignment": 0.5)", R"("uniformity_structure": -1.5)"})
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
}

TEST(EvaluationReport, FileHoldsRanksAndEmbeddings) {
  const std::string path = (test::scratch_dir("evaluation_report") / "evaluation.h5").string();
  const EvaluationSource source{"best.h5", "sample.h5", "validation", 250, 0, 7, "&run /"};
  write_evaluation_file(path, source, {example()});
  const io::File file = io::File::open(path);
  EXPECT_EQ(file.read_text("/evaluation"), evaluation_json(source, {example()}));
  EXPECT_EQ(file.read_text("/deck"), "&run /");
  EXPECT_EQ(file.dataset("/equal_length/chains").read_text(), example().chains);
  EXPECT_EQ(file.dataset("/equal_length/trained/ranks").read<double>(),
            (std::vector<double>{1, 1, 2, 1, 1, 1, 3.5, 2}));
  EXPECT_EQ(file.dataset("/equal_length/trained/tied").read<std::int32_t>(),
            (std::vector<std::int32_t>{0, 0, 0, 0, 0, 0, 1, 0}));
  const io::Dataset sequence = file.dataset("/equal_length/trained/sequence");
  EXPECT_EQ(sequence.shape(), (io::Shape{4, 2}));
  EXPECT_EQ(sequence.read<float>(), example().methods[0].embeddings.sequence);
  EXPECT_FALSE(file.exists("/equal_length/length_only/sequence"));
  EXPECT_FALSE(file.exists("/equal_length/chance/ranks"));
  for (const std::string& dataset : file.datasets())
    EXPECT_EQ(io::check_digest(file.dataset(dataset), nullptr), "");
}

TEST(EvaluationSettings, ResultsLieBesideTheCheckpoint) {
  EvaluateSettings settings;
  settings.checkpoint = "/run/quickstart/best.h5";
  EXPECT_EQ(settings.output_folder(), "/run/quickstart/best");
  settings.output = "/results";
  EXPECT_EQ(settings.output_folder(), "/results");
}

}  // namespace
