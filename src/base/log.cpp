// The log: standard output and the run's log file.
#include "base/log.hpp"

#include <sys/stat.h>
#include <unistd.h>  // for isatty

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/error.hpp"

namespace jespr::log {
namespace {

struct State {
  bool root = true;
  bool progress_shown = false;
  std::string path;  // of the file
  std::FILE* file = nullptr;
  std::string early;  // lines from before the file was opened
};

State& state() {
  static State the_state;
  return the_state;
}

/// Whether a person looks on: launchers give ranks a terminal of their own even where their own
/// output goes to a file, so the launcher's is asked too.
bool on_terminal() {
  if (!isatty(STDOUT_FILENO)) return false;
  const std::string parent = "/proc/" + std::to_string(getppid()) + "/fd/1";
  struct stat status {};
  if (stat(parent.c_str(), &status) != 0) return true;
  return S_ISCHR(status.st_mode);
}

void clear_progress(State& s) {
  if (!s.progress_shown) return;
  std::fputs("\r\033[K", stdout);
  s.progress_shown = false;
}

void write(std::FILE* out, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace

void set_root(bool is_root) { state().root = is_root; }
bool is_root() { return state().root; }

void open_file(const std::string& path) {
  State& s = state();
  if (!s.root) return;
  close_file();
  s.file = std::fopen(path.c_str(), "a");
  s.path = path;
  if (!s.file) fail(Exit::runtime, path + ": cannot open the log file: " + std::strerror(errno));
  write(s.file, s.early);
  s.early.clear();
}

void close_file() {
  State& s = state();
  if (s.file) std::fclose(s.file);
  s.file = nullptr;
}

std::string newest_text(std::size_t most_bytes) {
  const State& s = state();
  if (!s.file) return "";
  std::ifstream file(s.path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0));
  std::string text(std::min(size, most_bytes), ' ');
  file.seekg(static_cast<std::streamoff>(size - text.size()));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text.size() < size ? text.substr(text.find('\n') + 1) : text;
}

void line(std::string_view text) {
  State& s = state();
  if (!s.root) return;
  clear_progress(s);
  write(stdout, std::string(text) + '\n');
  record(text);
}

void record(std::string_view text) {
  State& s = state();
  if (!s.root) return;
  const std::string whole = std::string(text) + '\n';
  if (s.file)
    write(s.file, whole);
  else
    s.early += whole;
}

void warning(std::string_view text) { line("warning: " + std::string(text)); }

void progress(std::string_view text, std::chrono::seconds between_lines) {
  State& s = state();
  static const bool shown = on_terminal();
  if (!s.root) return;
  if (!shown) {
    const auto now = std::chrono::steady_clock::now();
    static auto last = now;
    if (now - last < between_lines) return;
    last = now;
    return line(text);
  }
  std::fputs("\r\033[K", stdout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  s.progress_shown = true;
}

}  // namespace jespr::log
