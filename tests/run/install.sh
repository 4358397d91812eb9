# `cmake --install` gives a program, decks and documents that work without this source tree.
# labels: mpi
# processors: 1
# timeout: 120
set -euo pipefail
rm -rf ./*
cmake --install "$JESPR_BINARY_DIR" --prefix "$PWD/prefix" > log.txt
cd prefix
share=share/jespr

[ "$(bin/jespr --version)" = "$("$JESPR_PROGRAM" --version)" ]
for deck in "$share"/input/*.deck; do bin/jespr --check "$deck" > /dev/null; done
for tool in plot_history plot_retrieval plot_statistics plot_benchmark compare_runs \
    compare_objectives read_dataset dataset_report import_weights export_weights; do
  [ -f "$share/utilities/$tool.py" ] || { echo "$tool.py is not installed"; exit 1; }
done
"$JESPR_PYTHON" -B "$share/utilities/plot_history.py" --help > /dev/null
for script in "$JESPR_SOURCE_DIR"/jobscripts/*.sh; do
  diff "$script" "$share/jobscripts/$(basename "$script")"
done

# Every link between the documents leads to something that is installed.
links=0
while IFS=: read -r document link; do
  case $link in http*) continue ;; esac
  [ -e "$(dirname "$document")/${link%%#*}" ] \
    || { echo "$document: the link to $link leads nowhere"; exit 1; }
  links=$((links + 1))
done < <(grep -roP --include='*.md' '\]\(\K[^)]+' "$share")
[ "$links" -ge 10 ] || { echo "only $links links were looked at"; exit 1; }

# Copied decks find their sample, and their results stay out of the installation.
cp -r "$share/input" ../my_input
cd ..
prefix/bin/jespr my_input/quickstart_prepare.deck > log.txt
prefix/bin/jespr info run/sample.h5 > info.txt
grep -Eq '2,?061' info.txt
[ ! -e prefix/share/jespr/run ]
echo "installed: $(find prefix -type f | wc -l) files, $links links"
