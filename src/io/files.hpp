// Files that appear whole or not at all: written under a temporary name, synced, renamed.
#pragma once

#include <cstdint>
#include <string>

namespace jespr::io {

bool file_exists(const std::string& path);

/// Bytes of a file. Failure: Error (data).
std::uint64_t file_bytes(const std::string& path);

/// The whole content of a file. Failure: Error (data).
std::string read_file(const std::string& path);

/// The name under which `path` is written first, in the same directory: "PATH.part".
std::string temporary_name(const std::string& path);

/// Makes the directories that `path` lies in, if they are missing. Failure: Error (runtime).
void make_parent_directories(const std::string& path);

/// Puts the content of the file on disk (fsync). Failure: Error (runtime).
void sync_file(const std::string& path);

/// Syncs `temporary`, renames it to `path` (an old file of that name is replaced in one step) and
/// syncs the directory: after a crash one of the two is there, whole. Failure: Error (runtime).
void publish_file(const std::string& temporary, const std::string& path);

/// Writes a small text file, whole or not at all; an old one is replaced. Failure: Error (runtime).
void write_text_file(const std::string& path, const std::string& text);

/// Renames a file to "PATH.EXTENSION", or "PATH.EXTENSION2" and so on where that exists, and
/// returns the new name. Failure: Error (runtime).
std::string set_aside(const std::string& path, const std::string& extension);

/// Removes a file; it is no error when there is none.
void remove_file(const std::string& path);

}  // namespace jespr::io
