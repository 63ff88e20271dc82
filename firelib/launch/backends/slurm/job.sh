
# ---- The same for every job from here on (firelib/launch/backends/slurm/job.sh).
# `job.sh` without an argument is the batch script; `job.sh replica` is one task of it.

# finish CODE: record the stage's exit code, remove the secrets, and end the job.
finish() {
    rm -rf "$folder/secrets"
    echo "$1" > "$folder/exit_code.new" && mv "$folder/exit_code.new" "$folder/exit_code" # else Slurm knows the code
    exit "$1"
}

# wait_for PID: its exit code. A signal interrupts `wait`, which then has to be called again.
wait_for() {
    local code
    while signalled=0; wait "$1"; code=$?; ((signalled)); do :; done
    return "$code"
}

# Replica 0 announces the address that it has on the network to the last node: its own name may mean loopback.
last_address() {
    local node address
    node="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | tail -n 1)"
    address="$(scontrol show node "$node" | sed -n 's/.*NodeAddr=\([^ ]*\).*/\1/p')"
    echo "${address:-$node}"
}

# A port that differs from job to job, for several jobs may share a node; the next one that nothing listens on.
free_port() {
    local port=$((20000 + SLURM_JOB_ID % 10000))
    while (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do port=$((port + 1)); done
    echo "$port"
}

# SIGTERM for the job goes to replica 0, which runs on this node, too. srun might end all replicas at once instead.
stop() {
    signalled=1
    if [[ -e "$folder/replica_pid" ]]; then kill -TERM "$(< "$folder/replica_pid")"; else kill -TERM "$!"; fi
}

batch() {
    local code restarted="${SLURM_RESTART_COUNT:-0}"
    [[ ! -e "$folder/exit_code" ]] || exit "$(< "$folder/exit_code")" # it is over, and Slurm has started it again
    [[ ! -e "$folder/cancelled" ]] || finish 75 # between two starts, or before the first
    if ((restarted > restarts)); then
        echo "firelib: Slurm has started the job again, but its $restarts restarts are used up" >&2
        finish 75
    fi
    rm -f "$folder"/replica_{pid,exit_code} "$ended" # of the start before
    FIRELIB_HEAD_HOST="$(last_address)" FIRELIB_HEAD_PORT="$(free_port)"
    export FIRELIB_HEAD_HOST FIRELIB_HEAD_PORT
    "${step[@]}" /bin/bash "$folder/job.sh" replica &
    trap stop TERM
    wait_for "$!"
    code=$?
    trap '' TERM
    [[ ! -s "$folder/replica_exit_code" ]] || code="$(< "$folder/replica_exit_code")" # empty: the disk was full
    if ((code && restarted < restarts)) && [[ ! -e "$folder/cancelled" ]]; then
        echo "firelib: exit code $code, restart $((restarted + 1)) of $restarts" >&2
        if scontrol requeue "$SLURM_JOB_ID"; then exit "$code"; fi
        # Slurm refuses while it requeues the job itself, after a preemption. Otherwise the job is over.
        [[ "$(scontrol show job "$SLURM_JOB_ID")" =~ JobState=(PENDING|COMPLETING|PREEMPTED|REQUEUED) ]] && exit "$code"
    fi
    finish "$code"
}

# Of the replicas, only the first passes SIGTERM on: the others serve until the stage has saved its checkpoint.
replica() {
    local code own="$scratch/firelib-$SLURM_JOB_ID" index="$SLURM_PROCID"
    ((index == 0)) || exec >> "$folder/log.$index" 2>&1
    (umask 077 && mkdir -p "$own/replicas")
    if [[ ! -O "$own" ]]; then # another user can create a folder of this name first
        echo "firelib: $own on $HOSTNAME is no folder of $USER: give --set scratch=/FOLDER" >&2
        exit 1
    fi
    : > "$own/replicas/$index"
    export RAY_TMPDIR="$own" JOB_COMPLETION_INDEX="$index" FIRELIB_REPLICAS="$SLURM_NTASKS"
    export FIRELIB_NUM_CPUS="${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}"
    # shellcheck source=/dev/null  # a file of the user
    [[ -z "$setup" ]] || source "$setup"
    "${run[@]}" &
    if ((index == 0)); then
        trap 'signalled=1; kill -TERM "$!"' TERM
        echo "$$" > "$folder/replica_pid"
    else
        trap signalled=1 TERM
    fi
    wait_for "$!"
    code=$?
    if ((index == 0)); then
        echo "$code" > "$folder/replica_exit_code"
        # Killed, or on a full disk, it has told nobody. Without a head, the others end after FIRELIB_HEAD_SECONDS.
        [[ -z "$ended" ]] || rm -f "${ended%/*}/head.json"
    fi
    rm -f "$own/replicas/$index"
    if rmdir "$own/replicas" 2> /dev/null; then rm -rf "$own"; fi # the last one on this node
    exit "$code"
}

if [[ "${1:-}" == replica ]]; then replica; else batch; fi
