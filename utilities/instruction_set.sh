#!/usr/bin/env bash
# Prints what a compiler may use under -march=ARCHITECTURE: its predefined macros, one a line.
#
#   utilities/instruction_set.sh COMPILER ARCHITECTURE
#
# 'native' has another meaning on every machine, and one CPU name covers several sets (a virtual
# machine may lack some). So what is cached between machines is keyed by this text: Kokkos
# (utilities/kokkos.sh) and, through CCACHE_EXTRAFILES, ccache. On processors that know no -march
# it is what the compiler does by itself.
set -euo pipefail

compiler=${1:?which compiler}
architecture=${2:?which architecture, as in -march}

macros() { "$compiler" "$@" -dM -E -x c++ - < /dev/null; }
{ macros "-march=$architecture" 2> /dev/null || macros; } | LC_ALL=C sort
