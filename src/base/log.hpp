// The log: lines on standard output and, once opened, in the run's log file. Only the rank that
// the session named the root writes; the others are silent.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace jespr::log {

/// Names this process root (writes) or not (silent). Default: root.
void set_root(bool is_root);
bool is_root();

/// Appends the lines so far and every further one to the file at `path` too. Failure: Error
/// (runtime).
void open_file(const std::string& path);
void close_file();

/// The last part of what the file holds, from the start of a line: at most `most_bytes`. "" where
/// there is no file, and on ranks that do not write.
std::string newest_text(std::size_t most_bytes);

/// One line of information.
void line(std::string_view text);
/// One line that starts with "warning: ".
void warning(std::string_view text);
/// Lines for the log file alone: too many for the eye, wanted later.
void record(std::string_view text);
/// A line that the next one overwrites, on a terminal. Where nobody looks on, one of them after
/// each `between_lines` is a line like others.
void progress(std::string_view text, std::chrono::seconds between_lines = std::chrono::minutes(5));

}  // namespace jespr::log
