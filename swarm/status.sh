#!/usr/bin/env bash
# Shows a deployment on one screen: services, how far hosts have read, their filters by state, and the latest visit.
#
# usage: swarm/status.sh [--name NAME] [--json]
#
#   --name NAME   the deployment (skysieve)
#   --json        everything, as JSON
#
# Hosts are asked over HTTP, at the port that each publishes on its node, with the operator's token in
# ~/.config/skysieve/NAME.token (or $SKYSIEVE_OPERATOR_TOKEN_FILE). The exit code is 1 if something is not as it should be.
#
# examples: swarm/status.sh
#           watch -n 5 swarm/status.sh
#           swarm/status.sh --json | jq '.hosts[] | {number, lag, filters}'
set -euo pipefail

me=status
. "$(dirname "$0")/common.sh"

name=skysieve json=""
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit ;;
    --json) json=1; shift ;;
    --name) takes_value "$1" $#; name=$2; shift 2 ;;
    *) wrong "there is no option $1" ;;
  esac
done
check_name "$name"
need_manager
command -v curl >/dev/null || install curl
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

read_nodes
inspect_services >"$work/services"
if [ "$(jq '.services | length' "$work/services")" = 0 ]; then die "there is no deployment $name"; fi
for id in "${!host[@]}"; do printf '%s\t%s\t%s\t%s\n' "$id" "${host[$id]}" "${state[$id]}" "${address[$id]}"; done |
  jq -Rn '[inputs / "\t" | {key: .[0], value: {hostname: .[1], state: .[2], address: .[3]}}] | from_entries' >"$work/nodes"

jq --slurpfile nodes "$work/nodes" "$jq_services"' .tasks as $all | [.services[] | . as $service | .Spec.Labels as $labels |
  ([tasks_of($all)[] | select(.DesiredState == "running")][0] // tasks_of($all)[0] // {}) as $task |
  ($task.NodeID // $labels["org.skysieve.node"]) as $node |
  { name: .Spec.Name, role: $labels["org.skysieve.role"], number: ($labels["org.skysieve.number"] // null | if . then tonumber else . end),
    filter: $labels["org.skysieve.filter"], image: .Spec.TaskTemplate.ContainerSpec.Image,
    running: (if $task.Status.State == "running" then 1 else 0 end), desired: 1, ready: ready($all), state: why($all),
    node: $node, hostname: $nodes[0][$node].hostname, address: $nodes[0][$node].address,
    modules: ([.Spec.TaskTemplate.ContainerSpec.Labels // {} | to_entries[] | select(.key | startswith("org.skysieve.module.")) |
      {key: .key[20:], value}] | from_entries),
    port: .Endpoint.Spec.Ports[0].PublishedPort }] | sort_by(.role, .number, .filter)' "$work/services" >"$work/list"

# Asks all hosts at the same time, since those that don't answer take some seconds.
write_headers "$work/headers"
ask() { curl -s --max-time 5 -H @"$work/headers" "http://$2:$3$4" >"$work/$1" || true; }
while read -r number at port; do
  ask "health-$number" "$at" "$port" /health/ready &
  ask "filters-$number" "$at" "$port" /api/v1/filters &
done < <(jq -r '.[] | select(.role == "host") | "\(.number) \(.address) \(.port)"' "$work/list")
wait

# Modules that are files on the nodes may differ from those that were deployed.
while read -r number modules; do
  jq -cn --argjson number "$number" --argjson modules "$modules" --rawfile health "$work/health-$number" --rawfile filters "$work/filters-$number" '
    ($health | try fromjson catch null) as $health | ($filters | try fromjson catch null | arrays | map(select(.state != "elsewhere"))) as $filters |
    ([$filters[] | .recent_visits[]] | group_by(.visit) | map({visit: .[0].visit, seen: (map(.counts.seen) | max),
      accepted: (map(.counts.accepted) | add), faulted: (map(.counts.faulted) | add)})) as $visits |
    ([$filters[] | select(.sha256[:16] != ($modules[.name] // .sha256[:16])) | .name]) as $others |
    { number: $number, answers: ($health != null), ready: (($health.ready // false) and $others == []),
      detail: (if $others == [] then $health.detail // "does not answer" else "\($others | join(" ")): not the module that was deployed" end),
      lag: (if $health.partitions then [$health.partitions[] | ((.high // 0) - (.committed // .position // 0)) | [., 0] | max] | add
        else null end),
      lost: ([$health.partitions // [] | .[].lost] | add), dead_letters: $health.dead_letters,
      filters: ($filters | group_by(.state) | map({key: .[0].state, value: length}) | from_entries), visits: $visits }' ||
    jq -cn --argjson number "$number" '{number: $number, answers: false, ready: false, detail: "does not answer", lag: null,
      filters: {}, visits: []}'
done < <(jq -r '.[] | select(.role == "host") | "\(.number) \(.modules)"' "$work/list") | jq -s . >"$work/hosts"

jq --arg name "$name" --slurpfile hosts "$work/hosts" '{name: $name, ready: (all(.[]; .ready) and all($hosts[0][]; .ready)),
  services: ., hosts: $hosts[0]}' "$work/list" >"$work/status"
if [ -n "$json" ]; then
  cat "$work/status"
else
  jq -r '
    def node: "\(.hostname) (\(.node[0:12]), \(.address))";
    def sum($role): [.services[] | select(.role == $role)] | "\(map(select(.ready) | .running) | add // 0)/\(map(.desired) | add // 0)";
    . as $status | def one($role; $n): [$status.services[] | select(.role == $role and .number == $n)][0] |
      if . == null then "-" elif .ready then "ready" else .state end;
    "deployment \(.name): hub \(sum("hub")), mirrors \(sum("mirror")), MirrorMakers \(sum("mirrormaker")), hosts \(sum("host")), monitors \(sum("monitor")) running",
    "", "filter node\tmirror\tmirrormaker\thost\tlag\tfilters\tlatest visit",
    (.services[] | select(.role == "host") | .number as $n | ([$status.hosts[] | select(.number == $n)][0]) as $host |
      "\($n) \(node)\t\(one("mirror"; $n))\t\(one("mirrormaker"; $n))\t\(if one("host"; $n) == "ready" then $host.detail else one("host"; $n) end)\t\($host.lag // "?")\t\($host.filters | to_entries | map("\(.value) \(.key)") | join(", ") | if . == "" then "?" else . end)\t\($host.visits[-1] // null | if . then "\(.visit): \(.seen) seen, \(.accepted) accepted" else "-" end)"),
    "", "consumer node\tmonitors",
    ([.services[] | select(.role == "monitor")] | group_by(.number)[] | "\(.[0].number) \(.[0] | node)\t\(map(select(.ready)) | length)/\(length)"),
    "", "sender node\tproducer",
    (.services[] | select(.role == "producer") | "\(.number) \(node)\t\(.state)"),
    ([.services[] | select((.ready | not) and .role != "producer") | "\(.name)\t\(.state)"] | if . == [] then empty else "", "not ready", .[] end)
  ' "$work/status" | awk -F '\t' '
    # Columns of each table are as wide as their widest cell.
    function flush(   i, j, line) {
      for (i = 1; i <= n; i++) { line = ""
        for (j = 1; j <= count[i]; j++) line = line (j == count[i] ? cell[i, j] : sprintf("%-" (width[j] + 2) "s", cell[i, j]))
        print line }
      n = 0; delete width }
    $0 == "" { flush(); print; next }
    { n++; count[n] = NF; for (j = 1; j <= NF; j++) { cell[n, j] = $j; if (j < NF && length($j) > width[j]) width[j] = length($j) } }
    END { flush() }'
fi
jq -e .ready "$work/status" >/dev/null
