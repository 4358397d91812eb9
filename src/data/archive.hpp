// A tar archive, plain or compressed, read member by member in one stream by libarchive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct archive;  // libarchive

namespace jespr::data {

/// A stream over the regular files of a tar archive. After a problem it gives no more members.
class Archive {
 public:
  explicit Archive(const std::string& path);

  /// Moves to the next regular file; false at the end or at a problem.
  bool next();
  /// The content of the current member, as far as it goes: problem() when it breaks off. Memory is
  /// taken for what is there, whatever size the header claims.
  std::string read();

  /// Name of the current member.
  const std::string& name() const { return name_; }
  /// Its size as its header claims it.
  std::uint64_t bytes() const { return bytes_; }
  /// How many members next() has given, the current one included.
  std::size_t passed() const { return passed_; }
  /// What is wrong with the archive, "" as long as nothing is.
  const std::string& problem() const { return problem_; }

 private:
  std::string reason() const;

  std::unique_ptr<archive, int (*)(archive*)> archive_;
  std::string name_, problem_;
  std::uint64_t bytes_ = 0;
  std::size_t passed_ = 0;
};

}  // namespace jespr::data
