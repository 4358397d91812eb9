# What -march lets the compiler use is known: to the check at the program's start, which must ask
# the CPU for all of it, and to the caches, which must not hand it to another machine.
# labels: quick
# processors: 1
# timeout: 120
set -euo pipefail
export LC_ALL=C
[ "$(uname -m)" = x86_64 ] || { echo "not an x86-64 machine: nothing to ask"; exit 77; }
cached() { sed -n "s/^$1:[A-Z]*=//p" "$JESPR_BINARY_DIR/CMakeCache.txt"; }
compiler=$(cached CMAKE_CXX_COMPILER)
case $compiler in *nvcc_wrapper) compiler=${NVCC_WRAPPER_DEFAULT_COMPILER:-g++} ;; esac
list=$JESPR_SOURCE_DIR/src/backend/cpu_feature_list.hpp
instruction_set=$JESPR_SOURCE_DIR/utilities/instruction_set.sh

# Macros of extensions that no compiler uses unless the source asks for them by name (intrinsics,
# attributes), of instructions that do nothing where they are unknown, and of properties of others.
harmless='__3dNOW__ __3dNOW_A__ __ABM__ __AMX_INT8__
__AVX512VP2INTERSECT__ __CLDEMOTE__
__CLFLUSHOPT__ __CLWB__ __CLZERO__ __CRC32__ __ENQCMD__ __FSGSBASE__ __HRESET__ __KL__ __LWP__
__MOVDIR64B__ __MOVDIRI__ __MWAITX__ __PCONFIG__ __PKU__ __PREFETCHWT1__ __PRFCHW__ __PTWRITE__
__RDPID__ __RDRND__ __RDSEED__ __SERIALIZE__ __SGX__ __SHSTK__ __TSXLDTRK__ __UINTR__ __WAITPKG__
__WBNOINVD__ __WIDEKL__ __XSAVEC__ __XSAVEOPT__ __XSAVES__ __XSAVE__
__FP_FAST_FMA __FP_FAST_FMAF __FP_FAST_FMAF32 __FP_FAST_FMAF64 __FP_FAST_FMAF32x'

defined() { "$instruction_set" "$compiler" "$1" | sed -nE 's/^#define (__\w+) 1$/\1/p'; }
defined x86-64 | grep -v '^__[a-z]' > baseline.txt
sed -nE 's/.*X\(\w+, (__\w+), "([^"]+)"\).*/\1 \2/p' "$list" | sort > listed.txt

# Every macro of any CPU that this compiler knows is in the list or harmless.
known=$("$compiler" --target-help | sed -n '/valid arguments for -march=/,/^$/p' | sed 1d)
count=0
for architecture in native "$(cached JESPR_ARCH)" $known; do
  "$compiler" "-march=$architecture" -m64 -E -x c++ /dev/null > /dev/null 2>&1 || continue
  unknown=$(comm -23 <(defined "$architecture" | grep -v '^__[a-z]') baseline.txt \
    | grep -vxF -f <(cut -d ' ' -f 1 listed.txt; tr ' ' '\n' <<< "$harmless") || true)
  [ -z "$unknown" ] || {
    echo "-march=$architecture defines" $unknown
    echo "add each to $list or to the harmless ones in $0"
    exit 1
  }
  count=$((count + 1))
done
[ "$count" -ge 10 ] || { echo "only $count architectures were looked at"; exit 1; }
echo "$count architectures use only what is listed"

# What the program says it was compiled for is what the macros say: exactly the listed ones. The
# file under test holds data only, so this runs on any CPU.
cat > required.cpp << 'END'
#include <cstdio>
#include "backend/cpu_features.hpp"
int main() {
#define SAY(name, macro, text) \
  if (jespr::required_cpu_features & jespr::cpu_bit(jespr::cpu_##name)) std::puts(text);
  JESPR_CPU_FEATURES(SAY)
}
END
compile=("$compiler" -std=c++20 -I"$JESPR_SOURCE_DIR/src")
"${compile[@]}" -march=x86-64 -c required.cpp -o main.o
for architecture in x86-64 x86-64-v3 icelake-server znver3 native; do
  "${compile[@]}" "-march=$architecture" -c -o data.o \
    "$JESPR_SOURCE_DIR/src/backend/required_cpu_features.cpp"
  "$compiler" main.o data.o -o required
  ./required | sort > said.txt
  join <(defined "$architecture" | sort) listed.txt | cut -d ' ' -f 2 | sort > wanted.txt
  diff wanted.txt said.txt || { echo "-march=$architecture: < is wanted, > is asked"; exit 1; }
  echo "$architecture: $(wc -l < said.txt) extensions are asked for"
done

# The caches' key differs where the instruction set does, and ccache is given it.
diff -q <("$instruction_set" "$compiler" x86-64-v3) <("$instruction_set" "$compiler" x86-64-v4) \
  > /dev/null && { echo "two instruction sets look the same to the caches"; exit 1; }
rules=$JESPR_BINARY_DIR/CMakeFiles/rules.ninja
if grep -q '/ccache ' "$rules"; then
  key=$(grep -o 'CCACHE_EXTRAFILES=[^ ]*' "$rules" | sort -u | cut -d = -f 2)
  diff "$key" <("$instruction_set" "$compiler" "$(cached JESPR_ARCH)") \
    || { echo "ccache does not get the instruction set of this build"; exit 1; }
  echo "ccache gets the instruction set"
fi
