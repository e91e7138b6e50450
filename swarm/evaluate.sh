#!/usr/bin/env bash
# Measures a deployment: how long visits take to be sent, filters to finish, and accepted alerts to reach consumers.
#
# usage: swarm/evaluate.sh [--name NAME] [--visits N] [--timeout S] [--every S] [--save DIR] [--quota N] [--json]
#        swarm/evaluate.sh --from-logs DIR [--quota N] [--json]
#
# Run it on the Swarm's manager while visits are sent. It asks the hosts what they have judged until the filters are
# done with N visits (3 by default), then collects the logs of producers and monitors, and prints for each visit
#
#   sent in            first alert read → last alert acknowledged, at the sender
#   last sent→done     last alert acknowledged → a filter has judged the whole visit
#   start→20th         first alert read → a consumer has received its 20th accepted alert of the visit
#
# with mean and maximum over all filters or consumers, beside what the prototype's authors published. The end of a
# filter can only be seen by asking meanwhile: for visits before the start of this script it is `-`.
#
#   --name NAME      the deployment (skysieve)
#   --visits N       how many visits to wait for, counted from the start of this script
#   --timeout S      wait no longer than this many seconds (300), and report what there is
#   --every S        seconds between two questions to a host (0.1)
#   --save DIR       keep the logs in DIR, for --from-logs
#   --from-logs DIR  report from logs that were saved, without a Swarm
#   --quota N        the accepted alerts of a visit that count (20)
#   --json           print a JSON object instead of a table
#
#   swarm/evaluate.sh --visits 18 --save night1
#   swarm/evaluate.sh --from-logs night1 --json | jq .all
#
# Clocks: times of different machines are compared, so their clocks should agree; the report says what that means.
# Hosts are asked with the operator's token in ~/.config/skysieve/NAME.token (or $SKYSIEVE_OPERATOR_TOKEN_FILE).
# It needs docker, curl, jq and python3; the hosts' published ports must be reachable from here.
set -euo pipefail
export LC_ALL=C  # for the decimal point in times

me=evaluate
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../scripts/common.sh"
usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d'; exit "${1:-2}"; }

# services KIND: the deployment's services of a kind (filter, consumer, sender), as Swarm names them.
services() {
  docker service ls --filter "label=org.skysieve.deployment=$name" --format '{{.Name}}' |
    grep -E "^$name-$1-[0-9]+_" | sort -V || true
}

# address SERVICE: where the HTTP port of a host is published at the moment.
address() {
  local task node port
  task=$(docker service ps --no-trunc --filter desired-state=running --format '{{.ID}}' "$1" | head -1)
  [ -n "$task" ] || return 1
  node=$(docker inspect --type task --format '{{.NodeID}}' "$task" 2>/dev/null || docker inspect --format '{{.NodeID}}' "$task")
  [ -n "$node" ] || return 1
  port=$(docker service inspect --format '{{range .Spec.EndpointSpec.Ports}}{{.PublishedPort}} {{end}}' "$1")
  [ -n "${port%% *}" ] || return 1
  # The address under which a manager knows itself can be 0.0.0.0.
  docker node inspect --format '{{.Status.Addr}} {{with .ManagerStatus}}{{.Addr}}{{end}}' "$node" |
    awk -v port="${port%% *}" '{ a = $1 == "0.0.0.0" || $1 == "127.0.0.1" ? $2 : $1; sub(/:[0-9]+$/, "", a); print a ":" port }'
}

# watch SERVICE FILE: asks a host again and again, and writes a line for each count that has changed: how many alerts
# of a visit a filter has judged. The time is that of the answer; the line of the first answer says so.
watch() {
  local at=""
  while :; do
    if [ -z "$at" ]; then at=$(address "$1" 2>/dev/null) || true; fi
    if [ -n "$at" ] && curl -sf -m 5 -H @"$headers" "http://$at/api/v1/filters"; then
      printf '\n%s\n' "$EPOCHREALTIME"
    else
      at=""; sleep 1  # the host may be somewhere else now
    fi
    sleep "$every"
  done | jq -c --unbuffered -n '
    foreach inputs as $in ({known: {}, filters: null, first: null, out: []};
      if ($in | type) == "array" then .filters = ($in | map(select(.state != "elsewhere"))) | .out = []
      elif .filters == null then .out = []
      else
        .known as $known
        | [.filters[] | .name as $filter | .recent_visits[] | {at: $in, filter: $filter, visit, seen: .counts.seen}
            | select($known[.filter + " " + .visit] != .seen)] as $new
        | .out = (if .first then [] else [{at: $in, first: true}] end) + $new
        | .first = true | .filters = null
        | reduce $new[] as $one (.; .known[$one.filter + " " + $one.visit] = $one.seen)
      end;
      .out[])' >"$2"
}

# visits_done: the number of visits that hosts have judged since their first answers. A visit is done when no host has
# judged any of its alerts for 2 s.
visits_done() {
  cat "$logs"/host-*.log |
    jq -s '(map(select(.first).at) | max // 0) as $first
      | [map(select(.visit)) | group_by(.visit)[] | map(.at) | select(min > $first and now - max > 2)] | length' 2>/dev/null ||
    echo 0 # a line is being written
}

# save_log SERVICE FILE: with what a node that is down has of it, an engine may keep its client waiting.
save_log() {
  timeout 120 docker service logs --raw --timestamps "$1" >"$2" 2>/dev/null || say "the log of $1 is not complete"
}

collect() {
  local service
  say "collecting logs"
  for service in $(services sender); do
    save_log "$service" "$logs/producer-$service.log"
  done
  for service in $(services consumer); do
    save_log "$service" "$logs/monitor-$(filter_of "$service").log"
  done
}

# filter_of SERVICE: the filter whose topic a monitor reads.
filter_of() {
  local filter=${1#*_}
  echo "${filter#monitor-}"
}

name=skysieve visits=3 timeout=300 every=0.1 quota=20 logs="" from="" json=()
while [ $# -gt 0 ]; do
  case $1 in
    --name | --visits | --timeout | --every | --save | --from-logs | --quota) [ $# -ge 2 ] || usage >&2 ;;&
    --name) name=$2; shift 2 ;;
    --visits) visits=$2; shift 2 ;;
    --timeout) timeout=$2; shift 2 ;;
    --every) every=$2; shift 2 ;;
    --save) logs=$2; shift 2 ;;
    --from-logs) from=$2; shift 2 ;;
    --quota) quota=$2; shift 2 ;;
    --json) json=(--json); shift ;;
    --help | -h) usage 0 ;;
    *) usage >&2 ;;
  esac
done
[[ $name =~ ^[a-z0-9][a-z0-9-]*$ ]] || die "--name takes lower-case letters, digits and -"
[[ $visits =~ ^[1-9][0-9]*$ && $timeout =~ ^[1-9][0-9]*$ && $quota =~ ^[1-9][0-9]*$ ]] ||
  die "--visits, --timeout and --quota take whole numbers from 1 on"
[[ $every =~ ^[0-9]*\.?[0-9]+$ ]] || die "--every takes a number of seconds"
command -v python3 >/dev/null || install python3

if [ -n "$from" ]; then
  [ -d "$from" ] || die "there is no folder $from"
  exec python3 "$here/evaluate.py" "$from" --quota "$quota" "${json[@]}"
fi

for tool in curl jq; do command -v $tool >/dev/null || install $tool; done
docker node ls >/dev/null || die "this must run on a manager of the Swarm (or set DOCKER_HOST)"
hosts=$(services filter | grep -E '_host(-[0-9]+)?$' || true)
[ -n "$hosts" ] || die "there are no hosts of a deployment $name; deploy it first: swarm/deploy_all.sh --name $name"

token=${SKYSIEVE_OPERATOR_TOKEN_FILE:-${XDG_CONFIG_HOME:-$HOME/.config}/skysieve/$name.token}
[ -r "$token" ] || die "the operator's token is not in $token: copy it from where deploy_all.sh ran, or set SKYSIEVE_OPERATOR_TOKEN_FILE"
# Nobody else can read what mktemp makes, but everybody a command line.
headers=$(mktemp)
printf 'Authorization: Bearer %s\n' "$(cat "$token")" >"$headers"
watchers=()
finish() {
  rm -f "$headers"
  for pid in "${watchers[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
  [ -z "${temporary:-}" ] || rm -rf "$temporary"
}
trap finish EXIT
trap 'exit 130' INT TERM
if [ -z "$logs" ]; then temporary=$(mktemp -d); logs=$temporary; fi
mkdir -p "$logs"
[ -z "$(find "$logs" -name '*.log' -print -quit)" ] || die "$logs contains logs already; take another folder"

deadline=$((SECONDS + timeout))
set -m # each watcher is a process group of its own, which ends as a whole
for host in $hosts; do
  watch "$host" "$logs/host-$host.log" &
  watchers+=($!)
done
set +m
say "watching $(wc -w <<<"$hosts") hosts until $visits visits are done, at most $timeout s"
while [ "$(visits_done)" -lt "$visits" ]; do
  if [ $SECONDS -ge $deadline ]; then say "fewer than $visits visits in $timeout s; this is what there is"; break; fi
  sleep 0.5
done
collect
python3 "$here/evaluate.py" "$logs" --quota "$quota" "${json[@]}"
