// Declarations of the group &prepare.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "data/items.hpp"
#include "data/prepare.hpp"
#include "deck/schema.hpp"

namespace jespr::data {
namespace {

/// Why the deck's paths cannot be right together, "" if they can: `path` is also another of them.
std::string path_objection(const std::string& path,
                           const std::vector<std::pair<std::string, std::string>>& others) {
  for (const auto& [what, other] : others)
    if (!path.empty() && path == other)
      return fmt::format("{} is also the {}; give another name", path, what);
  return "";
}

std::vector<std::pair<std::string, std::string>> sources_as_others(const PrepareSettings& s) {
  std::vector<std::pair<std::string, std::string>> others;
  for (const std::string& source : s.sources) others.emplace_back("source", source);
  return others;
}

void declare_reading(deck::Group& group, PrepareSettings& s) {
  group.integer("model", s.model, {.min = 1, .max = 100'000},
                "which model of a file is read, counted from 1");
  group.choice("chain_ids", s.chain_ids, {"author", "label"},
               "mmCIF: chains by the author's ids (auth_asym_id) or by label_asym_id");
  group.choice("missing", s.missing, {"keep", "drop"},
               "residues of SEQRES without coordinates: rows without coordinates, or left out");
  group.choice("confidence", s.confidence, {"complete", "plddt"},
               "of a residue: 1 where N, CA and C are there; or the pLDDT of predicted structures, "
               "from the B-factor column");
}

void declare_filters(deck::Group& group, PrepareSettings& s) {
  ChainFilter& filter = s.filter;
  group.integer("min_length", filter.min_length, {.min = 1, .max = 1 << 30, .unit = "residues"},
                "shorter chains are refused; residues without coordinates count");
  group.integer("max_length", filter.max_length, {.min = 1, .max = 1 << 30, .unit = "residues"},
                "longer chains are refused");
  group.check("max_length", [&filter] {
    return filter.max_length < filter.min_length ? "less than min_length" : "";
  });
  group.real("min_completeness", filter.min_completeness, {.min = 0, .max = 1},
             "least share of residues with N, CA and C");
  group.real("max_resolution", filter.max_resolution, {.min = 0, .above = true, .unit = "Angstrom"},
             "chains of a file with a worse resolution are refused; a file that gives none passes");
  group.real("min_plddt", filter.min_plddt, {.min = 0, .max = 100},
             "least mean pLDDT; needs confidence = 'plddt'");
  group.check("min_plddt", [&s] {
    return s.filter.min_plddt > 0 && s.confidence != "plddt" ? "needs confidence = 'plddt'" : "";
  });
  group.choice(
      "duplicates", s.duplicates, {"keep", "drop"},
      "of chains with exactly the same sequence all, or the most complete alone, the first "
      "of equals; it lists the others as its twins");
}

void declare_splits(deck::Group& group, PrepareSettings& s) {
  group.choice("split", s.split, {"table", "by_cluster"},
               "split of a chain: as the table says, or whole clusters to each split");
  group.choice("clusters", s.clusters, {"table", "kmers"},
               "clusters of relatives: column cluster30 of the table, or by shared 6-mers");
  group.check("clusters", [&s] {
    return s.split == "by_cluster" && s.clusters == "table" && s.table.empty()
               ? "a split by clusters needs a table with them, or clusters = 'kmers'"
               : "";
  });
  group.real("least_shared", s.least_shared, {.min = 0, .above = true, .max = 1},
             "relatives share this part of the shorter one's 6-mers; 0.1 is some 70 % identity");
  group.real("validation_share", s.validation_share, {.min = 0, .max = 1},
             "part of the chains for validation; needs split = 'by_cluster'");
  group.real("test_share", s.test_share, {.min = 0, .max = 1},
             "part of the chains for the test split; needs split = 'by_cluster'");
  group.check("test_share", [&s] {
    return s.validation_share + s.test_share >= 1 ? "nothing would be left for training" : "";
  });
  group.integer("split_seed", s.split_seed, {.min = 0},
                "another number draws other clusters; needs split = 'by_cluster'");
  const PrepareSettings defaults;
  const auto needs_clusters = [&group, &s](const char* key, const auto& value, const auto& unset) {
    group.check(key, [&s, &value, unset] {
      return s.split != "by_cluster" && value != unset ? "needs split = 'by_cluster'" : "";
    });
  };
  needs_clusters("validation_share", s.validation_share, defaults.validation_share);
  needs_clusters("test_share", s.test_share, defaults.test_share);
  needs_clusters("split_seed", s.split_seed, defaults.split_seed);
}

/// What the names of the sources tell already; the task finds the FASTA files of folders and lists.
void refuse_structure_keys(deck::Group& group, PrepareSettings& s) {
  for (const deck::Parameter& parameter : group.parameters())
    group.check(parameter.name(), [&s, key = parameter.name()] {
      const auto sequences = std::find_if(s.sources.begin(), s.sources.end(), is_fasta);
      const std::vector<std::string> keys = structure_keys_set(s);
      return sequences != s.sources.end() && std::count(keys.begin(), keys.end(), key) > 0
                 ? fmt::format("is for structures, {} is a FASTA file",
                               std::filesystem::path(*sequences).filename().string())
                 : "";
    });
}

}  // namespace

std::vector<std::string> structure_keys_set(const PrepareSettings& s) {
  const PrepareSettings defaults;
  std::vector<std::string> keys;
  const auto add = [&keys](const char* key, const auto& value, const auto& unset) {
    if (value != unset) keys.emplace_back(key);
  };
  add("model", s.model, defaults.model);
  add("chain_ids", s.chain_ids, defaults.chain_ids);
  add("missing", s.missing, defaults.missing);
  add("confidence", s.confidence, defaults.confidence);
  add("min_completeness", s.filter.min_completeness, defaults.filter.min_completeness);
  add("max_resolution", s.filter.max_resolution, defaults.filter.max_resolution);
  return keys;
}

std::string report_of(const PrepareSettings& settings) {
  return settings.report.empty() ? settings.dataset + ".report.tsv" : settings.report;
}

void declare(deck::Schema& schema, PrepareSettings& s) {
  auto& group = schema.group("prepare", "structure or FASTA files in, one packed dataset out");
  group.only_for({"prepare"});
  group
      .paths("sources", s.sources,
             "PDB and mmCIF files (also .gz), folders, lists (.txt, .list) and tar archives of "
             "them; or "
             "FASTA files (also .gz), which make a dataset of sequences alone")
      .required();
  group.check("sources", [&s] {
    const auto empty = std::count(s.sources.begin(), s.sources.end(), "");
    return s.sources.size() > 1 && empty > 0 ? "one of the paths is empty" : "";
  });
  group.path("dataset", s.dataset, "the dataset to write").required();
  group.check("dataset", [&s] { return path_objection(s.dataset, sources_as_others(s)); });
  group.path("table", s.table,
             "TSV with columns name, split, cluster30; every other column becomes a label");
  group.check("table", [&s] {
    auto others = sources_as_others(s);
    others.emplace_back("dataset", s.dataset);
    return path_objection(s.table, others);
  });
  group.path("report", s.report,
             "TSV of what was read and refused, and why; default: dataset with .report.tsv added");
  group.check("report", [&s] {
    auto others = sources_as_others(s);
    others.emplace_back("dataset", s.dataset);
    others.emplace_back("table", s.table);
    return path_objection(report_of(s), others);
  });
  group.choice("chain_names", s.chain_names, {"file_chain", "file"},
               "names of chains: file name and chain id, or the file name where it has one chain");
  group.choice("default_split", s.default_split, {"train", "validation", "test"},
               "split of chains that the table does not list");
  group.logical("overwrite", s.overwrite, "replace an existing dataset and report");
  declare_reading(group, s);
  declare_filters(group, s);
  declare_splits(group, s);
  refuse_structure_keys(group, s);
}

}  // namespace jespr::data
