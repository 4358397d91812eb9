# utilities/quickstart.sh in its order of events, in a copy with stand-ins for program and set-up: a
# stale dataset is made again, but not under a run that has begun; a failed check is an error.
# labels: quick
# processors: 1
# timeout: 120
set -euo pipefail
rm -rf ./*
mkdir -p copy/utilities copy/input/sample bin
cp "$JESPR_SOURCE_DIR"/utilities/{quickstart,phases}.sh copy/utilities/
cp "$JESPR_SOURCE_DIR"/input/quickstart*.deck copy/input/
echo structures > copy/input/sample/sample.tar.xz
printf '#!/bin/sh\n' > copy/utilities/setup.sh
printf '#!/bin/sh\n' > bin/cmake
# The launcher notes the deck and leaves what the task leaves; Python fails where check.fail is.
cat > bin/mpirun << END
#!/bin/bash
case "\$*" in
  *quickstart_prepare.deck*) task=prepare; mkdir -p $PWD/copy/run; touch $PWD/copy/run/sample.h5 ;;
  *quickstart_evaluate.deck*) task=evaluate ;;
  *quickstart.deck*) task=train; mkdir -p $PWD/copy/run/quickstart
                     touch $PWD/copy/run/quickstart/step_00000050.h5 ;;
esac
echo \$task >> $PWD/tasks
END
cat > bin/python << END
#!/bin/bash
case \$1 in *check_quickstart.py) [ ! -e $PWD/check.fail ] ;; esac
END
chmod +x copy/utilities/setup.sh bin/*

# quickstart CODE TASKS: its exit code, and the tasks that it starts.
quickstart() {
  local code=0
  : > tasks
  PATH=$PWD/bin:$PATH JESPR_PYTHON=$PWD/bin/python copy/utilities/quickstart.sh > log.txt 2>&1 \
    || code=$?
  [ "$code" -eq "$1" ] && [ "$(paste -sd ' ' tasks)" = "$2" ] && return
  echo "exit code $code and tasks '$(paste -sd ' ' tasks)', expected $1 and '$2'"
  cat log.txt
  exit 1
}

quickstart 0 'prepare train evaluate'
quickstart 0 'train evaluate'
echo "other structures" > copy/input/sample/sample.tar.xz
quickstart 1 ''
grep -q "  rm -r $PWD/copy/run/sample.h5 $PWD/copy/run/quickstart" log.txt
rm -r copy/run/quickstart
quickstart 0 'prepare train evaluate'
echo "! another deck" >> copy/input/quickstart_prepare.deck
rm -r copy/run/quickstart
quickstart 0 'prepare train evaluate'
touch check.fail
quickstart 1 'train evaluate'
tail -n 1 log.txt | grep -q 'FAILED'
echo "quickstart's order of events"
