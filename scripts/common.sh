# shellcheck shell=bash
# Functions that the scripts here share. Scripts source this file, and set `me` to the prefix of their messages.

say() { echo "${me:?}: $*" >&2; }
die() { say "$*"; exit 1; }

# missing NAME HOW: fails if the program is required (SKYSIEVE_REQUIRE), and otherwise says that its check is skipped.
missing() {
  case ",${SKYSIEVE_REQUIRE:-}," in *,"$1",*) die "$1 is missing: $2" ;; esac
  say "skipped: $1 is missing: $2"
}

# skip TESTS NEED WHY: says that tests are skipped, here and in the list of skipped tests at the end of `make test`. Fails if
# SKYSIEVE_REQUIRE names the need.
skip() {
  local line="skipped: $1 needs $2: $3"
  echo "$line"
  [ -z "${SKYSIEVE_SKIPPED:-}" ] || echo "$line" >>"$SKYSIEVE_SKIPPED"
  case ",${SKYSIEVE_REQUIRE:-}," in *,"$2",*) say "SKYSIEVE_REQUIRE names $2"; return 1 ;; esac
}

# busy: whether more processes want to run at this moment than there are processors, which times are then not to blame for.
busy() {
  local waiting=0 n
  for _ in $(seq 20); do
    n=$(sed -n 's/^procs_running //p' /proc/stat)
    waiting=$((waiting + n - 1)) # sed is one of them
    sleep 0.1
  done
  [ "$waiting" -gt $((20 * $(nproc))) ]
}

# install PACKAGE...: with apt-get, as root or with sudo.
install() {
  command -v apt-get >/dev/null || die "missing: $* (Debian's names); install them, then try again"
  local as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo)
  say "installing $* with apt-get"
  "${as_root[@]}" apt-get update -q >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >&2
}

# runs PIDFILE: whether the process is running.
runs() { [ -f "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

# end SIGNAL PIDFILE...: ends the processes that are running, with SIGKILL if that takes longer than 15 s.
end() {
  local signal=$1 file pid; shift
  for file; do if runs "$file"; then kill "-$signal" "$(cat "$file")"; fi; done
  for file; do
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$file"
  done
}

# need_java FETCHED [PACKAGE...]: installs Java if it is missing, Maven if the folder FETCHED does not exist yet, and the
# PACKAGEs.
need_java() {
  local fetched=$1; shift
  command -v java >/dev/null || set -- "$@" default-jre-headless
  [ -d "$fetched" ] || command -v mvn >/dev/null || set -- "$@" maven
  [ $# = 0 ] || install "$@"
}

# free_port FIRST STEP FILE...: prints the first port from FIRST on that no FILE contains and that nothing listens on.
free_port() {
  local port=$1 step=$2; shift 2
  while grep -qsx "$port" "$@" || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + step)); done
  echo "$port"
}

# render FILE: prints the file with the values of its ${VARIABLES}.
render() {
  local line out name value
  while IFS= read -r line || [ -n "$line" ]; do
    out=
    while [[ $line =~ \$\{([A-Z_]+)\} ]]; do
      name=${BASH_REMATCH[1]} value=${!BASH_REMATCH[1]?"$1 needs ${BASH_REMATCH[1]}"}
      [[ $value != *[\"\\$]* ]] || die "$name can't contain \", \\ or \$: $value"
      out+=${line%%"\${$name}"*}$value line=${line#*"\${$name}"}
    done
    printf '%s\n' "$out$line"
  done <"$1"
}

# python_env FOLDER REQUIREMENTS: makes a Python environment with these packages, unless it is there already. It needs Python
# 3.11 or newer (PYTHON names an interpreter other than python3).
python_env() {
  local env=$1 requirements=$2 python=${PYTHON:-python3}
  if cmp -s "$requirements" "$env/requirements.txt" && "$env/bin/python" -c "" 2>/dev/null; then return; fi
  command -v "$python" >/dev/null || install python3
  "$python" -c "import ensurepip, venv" 2>/dev/null || install python3-venv
  "$python" -c "import sys; sys.exit(sys.version_info < (3, 11))" ||
    die "$("$python" --version) is too old: name Python 3.11 or newer with PYTHON=..."
  say "making $env"
  "$python" -m venv --clear "$env" >&2
  "$env/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements" >&2 ||
    die "pip failed; is there a way to the package index?"
  cp "$requirements" "$env/requirements.txt"
}
