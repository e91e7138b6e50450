# shellcheck shell=bash disable=SC2034 # Scripts use the variables.
# Functions that the scripts here share. Scripts source this file, and set `me` to the prefix of their messages.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../scripts/common.sh"
label=org.skysieve.deployment

usage() { sed -n '3,/^set /s/^# \{0,1\}//p' "$0" | sed '/^shellcheck/d; $d'; }
wrong() { say "$*; see --help"; exit 2; }

# takes_value OPTION NUMBER_OF_ARGUMENTS: refuses an option that is the last argument although it takes a value.
takes_value() { [ "$2" -ge 2 ] || wrong "$1 takes a value"; }

check_name() {
  [[ $1 =~ ^[a-z][a-z0-9-]{0,23}$ ]] ||
    wrong "--name $1: a name begins with a letter and has at most 24 lower-case letters, digits and -"
}

# token_file: the file with the token of the deployment's first operator, with which its hosts are asked.
token_file() { echo "${SKYSIEVE_OPERATOR_TOKEN_FILE:-${XDG_CONFIG_HOME:-$HOME/.config}/skysieve/$name.token}"; }

# write_headers FILE: writes what `curl -H @FILE` needs, because everybody on the machine can read a command line.
write_headers() {
  local file; file=$(token_file)
  [ -r "$file" ] || die "the operator's token is not in $file: copy it from where deploy_all.sh ran, or set SKYSIEVE_OPERATOR_TOKEN_FILE"
  (umask 077 && printf 'Authorization: Bearer %s\n' "$(cat "$file")" >"$1")
}

# Refuses to go on unless this engine is a manager of a Swarm, and jq is there.
need_manager() {
  command -v docker >/dev/null || die "docker is missing"
  command -v jq >/dev/null || install jq
  local state
  state=$(docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}') ||
    die "the engine does not answer; is DOCKER_HOST right?"
  [ "$state" = "active true" ] ||
    die "this engine is no manager of a Swarm: run this on the manager, or set DOCKER_HOST to its engine"
}

# Reads the Swarm's nodes into the arrays host, state, cores and address, by id.
declare -A host state cores address
read_nodes() {
  local id name is nano addr
  host=() state=() cores=() address=()
  while read -r id name is nano addr; do
    host[$id]=$name state[$id]=$is cores[$id]=$((nano / 1000000000)) address[$id]=$addr
  done < <(docker node ls -q | xargs docker node inspect | jq -r '.[] | [.ID, .Description.Hostname,
    (if .Status.State != "ready" then .Status.State else .Spec.Availability end), .Description.Resources.NanoCPUs,
    # A manager may not know its own address except as that of the manager.
    (.Status.Addr // "" | if . == "" or . == "0.0.0.0" then null else . end) //
      (.ManagerStatus.Addr // "unknown" | sub(":[0-9]+$"; ""))] | join(" ")')
}

# resolve TEXT WHERE: sets `id` to the node whose id, beginning of its id, or hostname is TEXT.
resolve() {
  local known found=()
  if [ -n "${host[$1]:-}" ]; then id=$1; return; fi
  for known in "${!host[@]}"; do if [ "${host[$known]}" = "$1" ]; then found+=("$known"); fi; done
  if [ ${#found[@]} = 0 ]; then
    for known in "${!host[@]}"; do if [[ $known == "$1"* ]]; then found+=("$known"); fi; done
  fi
  [ ${#found[@]} -gt 0 ] || die "$2: no node of the Swarm is called $1; \`docker node ls\` shows their ids"
  [ ${#found[@]} = 1 ] || die "$2: $1 is the name of ${#found[@]} nodes; write an id of \`docker node ls\`"
  id=${found[0]}
}

# read_node_file FILE: prints "ID FILE:LINE" for each node that the file names.
read_node_file() {
  local line number=0 id; local -A first=()
  [ -r "$1" ] || die "$1: can't be read; it has the id of a node on each line"
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1)) line=${line%%#*}
    line=${line//[$'\r\t ']/}
    [ -n "$line" ] || continue
    resolve "$line" "$1:$number"
    [ -z "${first[$id]:-}" ] || die "$1:$number: $line is the node of line ${first[$id]}"
    first[$id]=$number
    echo "$id $1:$number"
  done <"$1"
}

digest() { sha256sum | cut -c 1-16; }

# services [FORMAT]: prints the names of the deployment's services, or what FORMAT says.
services() { docker service ls --filter "label=$label=$name" --format "${1:-{{.Name\}\}}"; }

# inspect_services: prints the deployment's services and their tasks as {services: […], tasks: […]}.
inspect_services() {
  local ids tasks
  ids=$(services '{{.ID}}')
  if [ -z "$ids" ]; then echo '{"services":[],"tasks":[]}'; return; fi
  # A service that disappears meanwhile is not an error.
  # shellcheck disable=SC2086 # Ids contain no spaces.
  tasks=$(docker service ps -q --no-trunc $ids 2>/dev/null || true)
  # shellcheck disable=SC2086
  { docker service inspect $ids 2>/dev/null || true
    [ -z "$tasks" ] || docker inspect --type task $tasks 2>/dev/null || true; } |
    jq -s '{services: (.[0] // []), tasks: (.[1] // [])}'
}

# What jq needs to know about services: whether one runs as its specification says, and if not, why.
# A service that needs no second start is ready once its task has begun.
# shellcheck disable=SC2034,SC2016 # Scripts use it; jq's variables are no shell's.
jq_services='
  def tasks_of($all): .ID as $id | [$all[] | select(.ServiceID == $id)] | sort_by(.CreatedAt) | reverse;
  # What a stack file says. The rest of a specification has defaults, which engines add to services but not to tasks.
  # A task stays as it is if only the placement has changed and its node still fits.
  def short: [.ForceUpdate // 0, .Resources.Limits, (.ContainerSpec | .Image, .Command, .Args, .Env,
    .Labels, .Mounts, .Healthcheck, .ReadOnly, [.Configs // [], .Secrets // [] | .[] | .ConfigID, .SecretID, .File.Name])];
  def current($all): (.Spec.TaskTemplate | short) as $template | [tasks_of($all)[] | select((.Spec | short) == $template)];
  def ready($all): .Spec.TaskTemplate.RestartPolicy.Condition as $again |
    any(current($all)[]; (.DesiredState == "running" and .Status.State == "running") or
      (.Status.State == "complete" and $again != "any"));
  def why($all): (tasks_of($all)[0] // {}) as $task |
    "\($task.Status.State // "no task")\(($task.Status.Err // "") | if . == "" then "" else ": " + . end)";'

# await SECONDS SERVICE...: waits until the services run as they should and are healthy.
await() {
  local deadline=$((SECONDS + $1)) waiting said=; shift
  [ $# -gt 0 ] || return 0
  while :; do
    waiting=$(inspect_services | jq -r "$jq_services"' .tasks as $all | [.services[] | {(.Spec.Name): .}] | add // {} |
      . as $named | $ARGS.positional[] | . as $name | $named[$name] |
      if . == null then "\($name): does not exist" elif ready($all) then empty else "\($name): \(why($all))" end' \
      --args "$@")
    [ -n "$waiting" ] || return 0
    [ $SECONDS -lt $deadline ] || break
    # Errors are shown when they appear, because they are often final (no such image).
    if [ "$waiting" != "$said" ]; then grep -E ': (failed|rejected): ' <<<"$waiting" >&2 || true; fi
    said=$waiting
    sleep 1
  done
  say "not ready:"; echo "$waiting" >&2
  die "waited as long as --wait says; \`docker service logs SERVICE\` may tell why, and deploying again goes on from here"
}

# Prints "NODE_ID KEY VALUE" for the labels of nodes that belong to the deployment.
node_labels() {
  docker node ls -q | xargs docker node inspect | jq -r --arg prefix "skysieve.$name." '.[] | .ID as $id |
    .Spec.Labels // {} | to_entries[] | select(.key | startswith($prefix)) | "\($id) \(.key) \(.value)"'
}
