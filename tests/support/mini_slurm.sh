#!/usr/bin/env bash
# A private Slurm on this machine alone: one node, run by root, no system service, gone after use.
#
#   mini_slurm.sh start FOLDER [cpus]   brings it up; everything it keeps lies in FOLDER
#   mini_slurm.sh env FOLDER            shell lines that let srun, sbatch, squeue ... find it
#   mini_slurm.sh stop FOLDER           ends its jobs, then its daemons
#
# Needs slurmctld, slurmd, the clients, munge and the PMIx plugin (Debian: slurmctld slurmd
# slurm-client slurm-wlm-basic-plugins munge libpmix-dev; the plugin opens libpmix.so, the
# development link). Exit code 77 where it cannot run, with the reason. No client may run without
# SLURM_CONF: it would ask the network for a controller.
set -euo pipefail

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
[ $# -ge 2 ] || usage
action=$1 cpus=${3:-4}
mkdir -p "$2"
folder=$(cd "$2" && pwd)
node=$(hostname -s)
export SLURM_CONF=$folder/etc/slurm.conf
export PATH=$PATH:/usr/sbin:/sbin

unable() { echo "no private Slurm here: $*" >&2; exit 77; }

# The process of a pid file, if it is alive and one of ours: its command line names our folder.
process_of() {
  local pid
  pid=$(cat "$folder/run/$1.pid" 2> /dev/null) && [ -n "$pid" ] || return 1
  tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline" | grep -qF "$folder" && echo "$pid"
}

# Waits up to $1 seconds until the command succeeds.
within() {
  local tries=$(($1 * 10))
  shift
  while ! "$@" > /dev/null 2>&1; do
    [ $((tries -= 1)) -gt 0 ] || return 1
    sleep 0.1
  done
}

is_idle() { [ "$(timeout 5 sinfo -h -N -o %t)" = idle ]; }
is_empty() { [ -z "$(timeout 5 squeue -h)" ]; }
is_gone() { ! [ -d "/proc/$1" ]; }

# Ports that nothing listens on: the controller's and the node's.
free_ports() {
  python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))'
}

write_configuration() {
  local ports
  read -r -a ports <<< "$(free_ports)"
  mkdir -p "$folder"/{etc,munge,state,spool,log,run,tmp}
  chmod 755 "$folder" "$folder/munge"
  [ -s "$folder/munge/munge.key" ] \
    || (umask 277 && head -c 1024 /dev/urandom > "$folder/munge/munge.key")
  # Without this slurmd ends where no cgroup file system is mounted.
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > "$folder/etc/cgroup.conf"
  cat > "$SLURM_CONF" << END
ClusterName=private
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=${ports[0]}
# OpenMPI names its shared memory after the job: two clusters at once must not use one number.
FirstJobId=$((ports[0] * 1000))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
TmpFS=$folder/tmp
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
MpiDefault=pmix
SwitchType=switch/none
ReturnToService=2
KillWait=5
MailProg=/bin/true
# More CPUs than the machine has: ranks may share cores.
SlurmdParameters=config_overrides
NodeName=$node NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=$cpus Boards=1 SocketsPerBoard=1 \
CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
}

start() {
  [ "$(id -u)" = 0 ] || unable "needs root"
  local program
  for program in slurmctld slurmd srun sbatch scancel munged; do
    command -v $program > /dev/null || unable "$program is missing"
  done
  compgen -G '/usr/lib/*/pmix2/lib/libpmix.so' > /dev/null || unable "libpmix-dev is missing"
  stop
  rm -rf "$folder/state" "$folder/spool"
  write_configuration
  # --force: also where only this user may enter a folder above, such as a home.
  munged --force --socket="$folder/munge/munge.socket" --key-file="$folder/munge/munge.key" \
    --pid-file="$folder/run/munged.pid" --log-file="$folder/log/munged.log" \
    --seed-file="$folder/munge/munged.seed" --num-threads=2
  slurmctld -c -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  # A job that is submitted before the node is idle may wait for ever.
  within 30 is_idle || { tail -n 5 "$folder"/log/slurm*.log >&2; exit 1; }
}

stop() {
  local daemon pid
  if process_of slurmctld > /dev/null; then
    # First the jobs: a daemon that is ended leaves its steps running.
    timeout 5 scancel -u root 2> /dev/null || true
    within 15 is_empty || true
  fi
  for daemon in slurmd slurmctld munged; do
    if pid=$(process_of $daemon); then
      kill "$pid"
      within 10 is_gone "$pid" || kill -9 "$pid"
    fi
    rm -f "$folder/run/$daemon.pid"
  done
}

case $action in
  start) start ;;
  stop) stop ;;
  env) echo "export SLURM_CONF='$SLURM_CONF'" ;;
  *) usage ;;
esac
