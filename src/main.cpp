// The program: prints what it was built from.
#include <cstdio>

#include "backend/build_info.hpp"

int main() {
  std::fputs(jespr::build_info_text().c_str(), stdout);
  return 0;
}
